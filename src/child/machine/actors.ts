import { fromPromise, type PromiseActorLogic } from 'xstate'
import type { SpinnerError } from '../../errors.ts'
import type { ChildRuntime } from '../runtime.ts'

/** What every actor gets: the child's hands, and why they are to move. */
export interface ActorInput {
  readonly runtime: ChildRuntime
  readonly reason: string
}

type Logic<Output> = PromiseActorLogic<Output, ActorInput>

/** An address, a place at the gate, a process; gives its pid. */
export const launch: Logic<number> = fromPromise(({ input, signal }) => input.runtime.launch(signal))

/** Settles when the process is ready, or when it is known that it will not be. */
export const ready: Logic<void> = fromPromise(({ input, signal }) => input.runtime.ready(signal))

/** Tells the plugins that the child is ready. */
export const introduce: Logic<void> = fromPromise(({ input, signal }) => input.runtime.introduce(signal))

/** Tells the plugins that the child will end. */
export const drain: Logic<void> = fromPromise(({ input, signal }) =>
  input.runtime.drain(input.reason, signal),
)

/** The stop signal; done when nothing of the group lives. */
export const terminate: Logic<void> = fromPromise(({ input }) => input.runtime.terminate())

/** The kill; done when nothing of the group lives. */
export const kill: Logic<void> = fromPromise(({ input }) => input.runtime.kill())

/** The kill of what does not serve, before another attempt; done when nothing of it lives. */
export const clear: Logic<void> = fromPromise(({ input }) => input.runtime.clear())

/** The stop signal for the process that was replaced; done when nothing of it lives. */
export const retire: Logic<void> = fromPromise(({ input, signal }) => input.runtime.retire(signal))

/** The kill of the process that was replaced; done when nothing of it lives. */
export const killRetired: Logic<void> = fromPromise(({ input }) => input.runtime.killRetired())

/** Finds out why it was not ready in time. */
export const explain: Logic<SpinnerError> = fromPromise(({ input }) => input.runtime.explain())
