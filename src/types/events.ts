import type { Address, Child, ChildState, Exit, OutputStream } from './child.ts'
import type { SpinnerError } from './errors.ts'

/** Events of a child. */
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

/** Events of a spinner: those of all its children, with the child as the first argument. */
export type SpinnerEvents = {
  [Event in keyof ChildEvents]: (child: Child, ...args: Parameters<ChildEvents[Event]>) => void
}

/** Typed events. If a listener throws, spinner writes one line to the logger and calls the other listeners. */
export interface Emitter<Events extends object> {
  /** Calls `listener` at each `event`. */
  on<Event extends keyof Events & string>(event: Event, listener: Events[Event] & Listener): this
  /** Calls `listener` at the next `event` only. */
  once<Event extends keyof Events & string>(event: Event, listener: Events[Event] & Listener): this
  /** Removes `listener` from `event`; without `listener`, removes all listeners of `event`. */
  off<Event extends keyof Events & string>(event: Event, listener?: Events[Event] & Listener): this
  /** Returns the number of listeners of `event`. */
  listenerCount(event: keyof Events & string): number
}

/** A function with any arguments. */
export type Listener = (...args: never[]) => unknown
