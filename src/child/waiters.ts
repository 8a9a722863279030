import { type Deferred, deferred } from '../promises.ts'
import type { Address } from '../types/child.ts'

/** Why the child of that name will not be ready. */
export type Refusal = (name: string) => Error

/**
 * Who waits for a child: for it to be ready, or for it to be gone. Any number of callers share one wait; an outcome
 * is remembered for those who ask later.
 */
export class Waits {
  readonly #name: string
  #arrival: Deferred<Address | null> | null = null
  /** For those who want another process than the one that may be ready now. */
  #renewal: Deferred<Address | null> | null = null
  #departure: Deferred<void> | null = null
  #ready: Promise<Address | null> | null = null
  /** Made when somebody asks: most children are stopped without anybody waiting for them to be ready. */
  #refusal: Refusal | null

  constructor(name: string, refusal: Refusal) {
    this.#name = name
    this.#refusal = refusal
  }

  /** Joins those who wait for it to be ready. */
  forArrival(): Promise<Address | null> {
    this.#arrival ??= deferred()
    return this.#arrival.promise
  }

  /** Joins those who wait for its next process to be ready. */
  forRenewal(): Promise<Address | null> {
    this.#arrival ??= deferred()
    this.#renewal ??= deferred()
    return this.#renewal.promise
  }

  /** Joins those who wait for it to be gone. */
  forDeparture(): Promise<void> {
    this.#departure ??= deferred()
    return this.#departure.promise
  }

  /** What awaiting the child gives at this moment. */
  outcome(): Promise<Address | null> {
    if (this.#ready) return this.#ready
    if (this.#arrival || !this.#refusal) return this.forArrival()
    const rejected = Promise.reject(this.#refusal(this.#name))
    rejected.catch(() => {})
    return rejected
  }

  arrived(address: Address | null): void {
    this.#ready = Promise.resolve(address)
    this.#refusal = null
    this.#arrival?.resolve(address)
    this.#arrival = null
    this.#renewal?.resolve(address)
    this.#renewal = null
  }

  /** It is ready no longer; nobody has been told anything yet. */
  left(): void {
    this.#ready = null
  }

  /** It will not be ready: those who wait learn why, and so do those who ask later. */
  refuse(reason: Refusal): void {
    this.#refusal = reason
    this.#arrival?.reject(reason(this.#name))
    this.#arrival = null
    this.kept(reason)
  }

  /** There will be no other process for now. */
  kept(reason: Refusal): void {
    this.#renewal?.reject(reason(this.#name))
    this.#renewal = null
  }

  departed(): void {
    this.#departure?.resolve()
    this.#departure = null
  }

  /** It could not be ended. */
  stayed(error: Error): void {
    this.#departure?.reject(error)
    this.#departure = null
  }
}

/** The same thing for one caller, for whom awaiting it gives this outcome. */
export function awaiting<Thing extends object>(thing: Thing, outcome: Promise<unknown>): Thing {
  outcome.catch(() => {})
  return new Proxy(thing, {
    get: (target, key) => {
      if (key === 'then' || key === 'catch' || key === 'finally') return outcome[key].bind(outcome)
      const value: unknown = Reflect.get(target, key, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}
