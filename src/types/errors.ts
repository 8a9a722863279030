/** Codes of a {@link SpinnerError}. `docs/events-and-errors.md` lists their causes and remedies. */
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

/** Properties of a {@link SpinnerError} in addition to code and message. All are optional. */
export interface SpinnerErrorDetails {
  /** Name of the child. */
  child?: string
  /** The underlying error. */
  cause?: unknown
  /** The last lines that the child wrote to stderr, oldest first. */
  output?: readonly string[]
  /** Exit code of the child's process. */
  exitCode?: number | null
  /** Signal that terminated the child's process. */
  signal?: NodeJS.Signals | null
  /** Number of attempts to start the child. */
  attempts?: number
  /** Time from which `start` of a faulted child works again. */
  retryAt?: Date
}

/** Error that spinner throws, rejects with and emits. The class of the same name implements it. */
export interface SpinnerError extends Error {
  readonly code: SpinnerErrorCode
  readonly child?: string
  readonly output?: readonly string[]
  readonly exitCode?: number | null
  readonly signal?: NodeJS.Signals | null
  readonly attempts?: number
  readonly retryAt?: Date
}
