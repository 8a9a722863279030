/** Every code that a {@link SpinnerError} can carry. `docs/events-and-errors.md` says when and what to do. */
export type SpinnerErrorCode =
  | 'ERR_SPINNER_INVALID_OPTION'
  | 'ERR_SPINNER_SPAWN'
  | 'ERR_SPINNER_EXITED'
  | 'ERR_SPINNER_NOT_READY'
  | 'ERR_SPINNER_FOREIGN_LISTENER'
  | 'ERR_SPINNER_FAULTED'
  | 'ERR_SPINNER_STOPPED'
  | 'ERR_SPINNER_STILL_ALIVE'
  | 'ERR_SPINNER_CLOSED'
  | 'ERR_SPINNER_NOT_FOUND'

/** What a {@link SpinnerError} may carry besides its code and message. */
export interface SpinnerErrorDetails {
  /** Name of the child. */
  child?: string
  /** What lay beneath, when something did. */
  cause?: unknown
  /** The last lines that the child wrote to stderr, oldest first. */
  output?: readonly string[]
  /** Exit code of the child's process. */
  exitCode?: number | null
  /** The signal that ended the child's process. */
  signal?: NodeJS.Signals | null
  /** How many times it was tried. */
  attempts?: number
  /** From when on a `start` of a faulted child is tried again. */
  retryAt?: Date
}

/** The error that spinner gives: see the class of that name, which implements it. */
export interface SpinnerError extends Error {
  readonly code: SpinnerErrorCode
  readonly child?: string
  readonly output?: readonly string[]
  readonly exitCode?: number | null
  readonly signal?: NodeJS.Signals | null
  readonly attempts?: number
  readonly retryAt?: Date
}
