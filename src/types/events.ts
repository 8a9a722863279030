import type { Address, Child, ChildState, Exit, OutputStream } from './child.ts'
import type { SpinnerError } from './errors.ts'

/** What a child announces. */
export interface ChildEvents {
  started: (address: Address | null) => void
  restarted: (address: Address | null) => void
  stopped: () => void
  faulted: (error: SpinnerError) => void
  error: (error: Error) => void
  state: (to: ChildState, from: ChildState, reason: string) => void
  output: (stream: OutputStream, line: string) => void
  exit: (exit: Exit) => void
  message: (message: unknown) => void
}

/** What a spinner announces: the events of all its children, each with the child in front. */
export type SpinnerEvents = {
  [Event in keyof ChildEvents]: (child: Child, ...args: Parameters<ChildEvents[Event]>) => void
}

/** Typed events. What a listener throws is one line in the logger, and the other listeners are called all the same. */
export interface Emitter<Events extends object> {
  /** Calls `listener` at each `event`. */
  on<Event extends keyof Events & string>(event: Event, listener: Events[Event] & Listener): this
  /** Calls `listener` at the next `event` only. */
  once<Event extends keyof Events & string>(event: Event, listener: Events[Event] & Listener): this
  /** Removes `listener` from `event`, or all listeners of `event` when none is named. */
  off<Event extends keyof Events & string>(event: Event, listener?: Events[Event] & Listener): this
  /** How many listeners `event` has. */
  listenerCount(event: keyof Events & string): number
}

/** A function of any arguments. */
export type Listener = (...args: never[]) => unknown
