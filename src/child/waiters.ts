import { type Deferred, deferred } from '../promises.ts'
import type { Address } from '../types/child.ts'

/** Why the child of that name will not be ready. */
export type Rejection = (name: string) => Error

/**
 * Who waits for a child: for it to be ready, or for it to be gone. Any number of callers share one wait; an outcome
 * is remembered for those who ask later.
 */
export class Waiters {
  readonly #name: string
  #arrival: Deferred<Address | null> | null = null
  /** For those who want another process than the one that may be ready now. */
  #renewal: Deferred<Address | null> | null = null
  #departure: Deferred<void> | null = null
  #ready: Promise<Address | null> | null = null
  /** Made when somebody asks: most children are stopped without anybody waiting for them to be ready. */
  #refusal: Rejection | null

  constructor(name: string, refusal: Rejection) {
    this.#name = name
    this.#refusal = refusal
  }

  /** Joins those who wait for it to be ready. */
  untilReady(): Promise<Address | null> {
    this.#arrival ??= deferred()
    return this.#arrival.promise
  }

  /** Joins those who wait for its next process to be ready. */
  untilReplaced(): Promise<Address | null> {
    this.#arrival ??= deferred()
    this.#renewal ??= deferred()
    return this.#renewal.promise
  }

  /** Joins those who wait for it to be gone. */
  untilStopped(): Promise<void> {
    this.#departure ??= deferred()
    return this.#departure.promise
  }

  /** What awaiting the child gives at this moment. */
  outcome(): Promise<Address | null> {
    if (this.#ready) return this.#ready
    if (this.#arrival || !this.#refusal) return this.untilReady()
    const rejected = Promise.reject(this.#refusal(this.#name))
    rejected.catch(() => {})
    return rejected
  }

  ready(address: Address | null): void {
    this.#ready = Promise.resolve(address)
    this.#refusal = null
    this.#arrival?.resolve(address)
    this.#arrival = null
    this.#renewal?.resolve(address)
    this.#renewal = null
  }

  /** It is ready no longer; nobody has been told anything yet. */
  notReady(): void {
    this.#ready = null
  }

  /** It will not be ready: those who wait learn why, and so do those who ask later. */
  reject(reason: Rejection): void {
    this.#refusal = reason
    this.#arrival?.reject(reason(this.#name))
    this.#arrival = null
    this.replaceFailed(reason)
  }

  /** There will be no other process for now. */
  replaceFailed(reason: Rejection): void {
    this.#renewal?.reject(reason(this.#name))
    this.#renewal = null
  }

  stopped(): void {
    this.#departure?.resolve()
    this.#departure = null
  }

  /** It could not be ended. */
  stopFailed(error: Error): void {
    this.#departure?.reject(error)
    this.#departure = null
  }
}

/** The same thing for one caller, for whom awaiting it gives this outcome. */
export function withOutcome<Thing extends object>(thing: Thing, outcome: Promise<unknown>): Thing {
  outcome.catch(() => {})
  return new Proxy(thing, {
    get: (target, key) => {
      if (key === 'then' || key === 'catch' || key === 'finally') return outcome[key].bind(outcome)
      const value: unknown = Reflect.get(target, key, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}
