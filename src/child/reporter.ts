import { SafeEmitter, safeLog } from '../emitter.ts'
import { messageOf, stoppedError } from '../errors.ts'
import type { Address } from '../types/child.ts'
import type { ChildEvents } from '../types/events.ts'
import type { ChildEvent } from './transition.ts'
import { Waiters } from './waiters.ts'

/** The part of a child that others hear: its events and errors, and the outcome for callers that wait. */
export abstract class ChildReporter extends SafeEmitter<ChildEvents> implements PromiseLike<Address | null> {
  readonly name: string
  protected readonly waiters: Waiters

  constructor(name: string) {
    super()
    this.name = name
    this.waiters = new Waiters(name, stoppedError)
  }

  then<Ok = Address | null, Fail = never>(
    onReady?: ((address: Address | null) => Ok | PromiseLike<Ok>) | null,
    onError?: ((error: Error) => Fail | PromiseLike<Fail>) | null,
  ): Promise<Ok | Fail> {
    return this.waiters.outcome().then(onReady, onError)
  }

  catch<Fail>(onError: (error: Error) => Fail | PromiseLike<Fail>): Promise<Address | null | Fail> {
    return this.then(null, onError)
  }

  finally(onEnd: () => void): Promise<Address | null> {
    return this.waiters.outcome().finally(onEnd)
  }

  reportError(thrown: unknown): void {
    const error = thrown instanceof Error ? thrown : new Error(messageOf(thrown))
    queueMicrotask(() => {
      if (!this.announce(['error', error])) safeLog(this.logger(), 'error', `${this.name}: ${error.message}`)
    })
  }

  /** Passes an event to the spinner. Returns true if it has a listener. */
  protected abstract announceToSpinner(event: ChildEvent): boolean

  /** Emits an event on the child and on its spinner. Returns true if anybody listened. */
  protected announce(event: ChildEvent): boolean {
    const [name, ...args] = event
    const isHeard = this.emit(name, ...(args as never))
    return this.announceToSpinner(event) || isHeard
  }
}
