import { stoppedError } from '../errors.ts'
import { type Deferred, deferred } from '../promises.ts'
import type { Address } from '../types/child.ts'
import type { Transition } from './transition.ts'

/** Makes the error that says why the child of that name will not be ready. */
export type Rejection = (name: string) => Error

/**
 * Callers that wait for a child: until it is ready, until its next process is, or until it is stopped. Any number of
 * callers share one wait. An outcome is remembered for callers that ask later.
 */
export class Waiters {
  readonly #name: string
  #untilReady: Deferred<Address | null> | null = null
  /** For callers that want another process than the one that may be ready now. */
  #untilReplaced: Deferred<Address | null> | null = null
  #untilStopped: Deferred<void> | null = null
  #ready: Promise<Address | null> | null = null
  /** Makes the error on demand: most children are stopped while nobody waits for them to be ready. */
  #rejection: Rejection | null

  constructor(name: string, rejection: Rejection) {
    this.#name = name
    this.#rejection = rejection
  }

  untilReady(): Promise<Address | null> {
    this.#untilReady ??= deferred()
    return this.#untilReady.promise
  }

  untilReplaced(): Promise<Address | null> {
    this.#untilReady ??= deferred()
    this.#untilReplaced ??= deferred()
    return this.#untilReplaced.promise
  }

  untilStopped(): Promise<void> {
    this.#untilStopped ??= deferred()
    return this.#untilStopped.promise
  }

  /** Returns what awaiting the child gives at this moment. */
  outcome(): Promise<Address | null> {
    if (this.#ready) return this.#ready
    if (this.#untilReady || !this.#rejection) return this.untilReady()
    const rejected = Promise.reject(this.#rejection(this.#name))
    rejected.catch(() => {})
    return rejected
  }

  /** The child is ready. */
  ready(address: Address | null): void {
    this.#ready = Promise.resolve(address)
    this.#rejection = null
    this.#untilReady?.resolve(address)
    this.#untilReady = null
    this.#untilReplaced?.resolve(address)
    this.#untilReplaced = null
  }

  /** The child is no longer ready; it is not known yet what comes of it. */
  notReady(): void {
    this.#ready = null
  }

  /** The child will not be ready: rejects the waits until then, and those of callers that ask later. */
  reject(rejection: Rejection): void {
    this.#rejection = rejection
    this.#untilReady?.reject(rejection(this.#name))
    this.#untilReady = null
    this.replaceFailed(rejection)
  }

  /** The child keeps the process that it has. */
  replaceFailed(rejection: Rejection): void {
    this.#untilReplaced?.reject(rejection(this.#name))
    this.#untilReplaced = null
  }

  stopped(): void {
    this.#untilStopped?.resolve()
    this.#untilStopped = null
  }

  stopFailed(error: Error): void {
    this.#untilStopped?.reject(error)
    this.#untilStopped = null
  }

  /** Settles the waits that a transition decides. */
  settle({ address, failure, from, kept, to }: Transition): void {
    if (to === 'started') {
      if (kept) this.replaceFailed(() => kept)
      this.ready(address)
    } else if (failure) {
      this.stopFailed(failure)
      this.reject(() => failure)
    } else if (to === 'stopped' || from === 'stopping') {
      // A start that was queued is on its way again already.
      this.stopped()
      if (to === 'stopped') this.reject(stoppedError)
    }
  }
}
