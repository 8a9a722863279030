import { fromPromise, type PromiseActorLogic } from 'xstate'
import type { SpinnerError } from './errors.ts'
import type { Address } from './events.ts'
import type { Resources } from './resources.ts'

/** What every actor gets: the child's hands, and why they are to move. */
export interface ActorInput {
  readonly resources: Resources
  readonly reason: string
}

/** What a successful spawn gives. */
export interface Launched {
  readonly pid: number
  readonly address: Address | null
}

type Actor<Output> = PromiseActorLogic<Output, ActorInput>

/** A place at the gate, an address, a process. */
export const launch: Actor<Launched> = fromPromise(({ input, signal }) => input.resources.launch(signal))

/** Settles when the process is ready, or when it is known that it will not be. */
export const ready: Actor<void> = fromPromise(({ input, signal }) => input.resources.ready(signal))

/** Tells the plugins that the child is ready. */
export const introduce: Actor<void> = fromPromise(({ input, signal }) => input.resources.introduce(signal))

/** Tells the plugins that the child will end. */
export const drain: Actor<void> = fromPromise(({ input, signal }) =>
  input.resources.drain(input.reason, signal),
)

/** The stop signal; done when nothing of the group lives. */
export const terminate: Actor<void> = fromPromise(({ input }) => input.resources.terminate())

/** The kill; done when nothing of the group lives. */
export const kill: Actor<void> = fromPromise(({ input }) => input.resources.kill())

/** Finds out why it was not ready in time. */
export const explain: Actor<SpinnerError> = fromPromise(({ input }) => input.resources.explain())
