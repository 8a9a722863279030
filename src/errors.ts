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

/**
 * The one class of errors that spinner gives. `code` is for programs, `message` for people: it says what
 * happened, what was expected and what to do.
 *
 * @example
 * import { createSpinner } from 'spinner'
 *
 * const spinner = createSpinner({ logger: null, stderr: null, attempts: 1 })
 * try {
 *   await spinner.start('./no-such-file.js')
 * } catch (error) {
 *   console.log(error.code) // ERR_SPINNER_SPAWN
 * }
 * await spinner.close()
 */
export class SpinnerError extends Error {
  readonly code: SpinnerErrorCode
  declare readonly child?: string
  declare readonly output?: readonly string[]
  declare readonly exitCode?: number | null
  declare readonly signal?: NodeJS.Signals | null
  declare readonly attempts?: number
  declare readonly retryAt?: Date

  constructor(code: SpinnerErrorCode, message: string, details: SpinnerErrorDetails = {}) {
    const { cause, ...rest } = details
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'SpinnerError'
    this.code = code
    Object.assign(this, rest)
  }
}

/** The text of anything that was thrown. */
export function messageOf(thrown: unknown): string {
  if (thrown instanceof Error) return thrown.message
  try {
    return String(thrown)
  } catch {
    return 'a value that cannot be shown'
  }
}

/** Node's error code (`ENOENT`, …) of anything that was thrown. */
export function codeOf(thrown: unknown): string | undefined {
  const code = (thrown as { code?: unknown } | null | undefined)?.code
  return typeof code === 'string' ? code : undefined
}

/** The program ended before it was ready. */
export function exitedError(
  child: string,
  exit: { code: number | null; signal: NodeJS.Signals | null },
  output: readonly string[],
  awaited: string,
): SpinnerError {
  const how = exit.signal ? `was ended by ${exit.signal}` : `exited with code ${exit.code}`
  return new SpinnerError(
    'ERR_SPINNER_EXITED',
    `'${child}' ${how} before ${awaited}.${quoted(output, 'It wrote nothing to stderr; run it by hand to see why.')}`,
    { child, exitCode: exit.code, signal: exit.signal, output },
  )
}

/** The last lines of a child's stderr as the tail of a message. */
export function quoted(lines: readonly string[], otherwise = ''): string {
  if (lines.length === 0) return otherwise && ` ${otherwise}`
  return ` Its last words:\n${lines.map((line) => `    ${line}`).join('\n')}`
}
