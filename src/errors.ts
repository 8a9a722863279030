import { getSystemErrorName } from 'node:util'
import type { SpinnerError as Contract, SpinnerErrorCode, SpinnerErrorDetails } from './types/errors.ts'

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
export class SpinnerError extends Error implements Contract {
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
  try {
    return String(thrown instanceof Error ? thrown.message : thrown)
  } catch {
    return 'a value that cannot be shown'
  }
}

/** Node's error code (`ENOENT`, …) of anything that was thrown. */
export function codeOf(thrown: unknown): string | undefined {
  try {
    const { code, errno } = (thrown ?? {}) as { code?: unknown; errno?: unknown }
    // What a look at the machine itself meets has only its number, and that with either sign.
    if (code === 'ERR_SYSTEM_ERROR' && typeof errno === 'number') return getSystemErrorName(-Math.abs(errno))
    return typeof code === 'string' ? code : undefined
  } catch {
    return undefined
  }
}

/** How a process ended, in words. */
export const endingOf = (exit: Ended): string =>
  exit.signal ? `was ended by ${exit.signal}` : `exited with code ${exit.code}`

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

const SILENT = 'It wrote nothing to stderr; run it by hand to see why.'

/** The program ended although it was ready and nobody asked. */
export function crashedError(child: string, exit: Ended, output: readonly string[]): SpinnerError {
  const message = `'${child}' ${endingOf(exit)}, and nobody had asked it to.${quoted(output)}`
  return new SpinnerError('ERR_SPINNER_EXITED', message, {
    child,
    exitCode: exit.code,
    signal: exit.signal,
    output,
  })
}

/** It crashed more often than it may. */
export function crashLoopError(crash: SpinnerError, times: number, seconds: number): SpinnerError {
  const { child = '', output = [], exitCode = null, signal = null } = crash
  const message = `'${child}' crashed ${times} times within ${seconds} s, which is more than \`maxRestarts\` allows.${quoted(output, SILENT)}`
  return new SpinnerError('ERR_SPINNER_EXITED', message, { child, exitCode, signal, output, cause: crash })
}

/** A new process did not come up in the place of one that serves. */
export function keptError(child: string, cause: SpinnerError): SpinnerError {
  const { attempts = 1, exitCode = null, signal = null, output = [] } = cause
  const message = `The new process of '${child}' did not come up, and the old one stays: ${cause.message}`
  return new SpinnerError(cause.code, message, { child, cause, attempts, exitCode, signal, output })
}

/** The program ended before it was ready. */
export function exitedError(
  child: string,
  exit: Ended,
  output: readonly string[],
  awaited: string,
  hint = '',
): SpinnerError {
  return new SpinnerError(
    'ERR_SPINNER_EXITED',
    `'${child}' ${endingOf(exit)} before ${awaited}.${hint && ` ${hint}`}${quoted(output, SILENT)}`,
    { child, exitCode: exit.code, signal: exit.signal, output },
  )
}

/** The first line of an error's message, for a line in a log. */
export const firstLineOf = (error: Error): string =>
  messageOf(error).split('\n', 1)[0]?.replace(LAST_WORDS, '') ?? ''

const LAST_WORDS = ' Its last words:'

/** The last lines of a child's stderr as the tail of a message. */
export function quoted(lines: readonly string[], otherwise = ''): string {
  if (lines.length === 0) return otherwise && ` ${otherwise}`
  return `${LAST_WORDS}\n${lines.map((line) => `    ${line}`).join('\n')}`
}

/** It is not running, and nobody is bringing it up. */
export function stoppedError(child: string): SpinnerError {
  const message = `'${child}' was stopped; start it again when it is wanted.`
  return new SpinnerError('ERR_SPINNER_STOPPED', message, { child })
}

/** It gave up, and is not tried again for `leftMs` milliseconds. */
export function faultedError(
  child: string,
  cause: SpinnerError | null,
  leftMs: number,
  date: number,
): SpinnerError {
  const why = cause?.message ?? 'unknown'
  const message = `'${child}' has failed and is not tried again for ${Math.ceil(leftMs / 1_000)} s; mend it, or call restart(). It failed because: ${why}`
  const retryAt = new Date(date + leftMs)
  return new SpinnerError('ERR_SPINNER_FAULTED', message, {
    child,
    cause,
    retryAt,
    output: cause?.output ?? [],
  })
}

/** Nobody is named where it cannot be seen who lives. */
const listed = (pids: readonly number[]): string => (pids.length === 0 ? '' : ` (${pids.join(', ')})`)

/** It was killed, and not all of it is gone. */
export function stillAliveError(child: string, pids: readonly number[]): SpinnerError {
  const message = `'${child}' was killed, but processes of it still live${listed(pids)}; nothing is started over them. End them by hand, then stop or start it.`
  return new SpinnerError('ERR_SPINNER_STILL_ALIVE', message, { child })
}

/** What the new process has replaced was killed, and not all of it is gone. */
export function lingersError(child: string, pids: readonly number[]): SpinnerError {
  const message = `The old process of '${child}' was replaced and killed, but processes of it still live${listed(pids)}; end them by hand.`
  return new SpinnerError('ERR_SPINNER_STILL_ALIVE', message, { child })
}

/** Its checks have had it restarted as often as they may. */
export function sparedError(child: string, reason: string): SpinnerError {
  const message = `'${child}' fails its checks again (${reason}), but it was restarted for that several times already; it is left alone.`
  return new SpinnerError('ERR_SPINNER_NOT_READY', message, { child })
}

/** There was no room for it among the children that run. */
export function noRoomError(child: string, seconds: number, limits: string): SpinnerError {
  const message = `'${child}' found no room within ${seconds} s: ${limits}, and all that run are in use or warm. Raise the limit, or release leases.`
  return new SpinnerError('ERR_SPINNER_NOT_READY', message, { child })
}

/** Its spinner was closed. */
export function closedError(child?: string): SpinnerError {
  const whose = child === undefined ? 'This spinner' : `'${child}' belongs to a spinner that`
  const message = `${whose} was closed; make a new one with createSpinner().`
  return new SpinnerError('ERR_SPINNER_CLOSED', message, child === undefined ? {} : { child })
}

/** The machine itself failed: a fault of ours. */
export function brokenError(child: string, cause: unknown): SpinnerError {
  const message = `The supervision of '${child}' failed and was begun anew: ${messageOf(cause)}. Please report this.`
  return new SpinnerError('ERR_SPINNER_FAULTED', message, { child, cause })
}

const EXHAUSTED = new Set(['EMFILE', 'ENFILE', 'EAGAIN', 'ENOMEM', 'ENOSPC', 'ENOBUFS'])

/** Whether an errno says that the machine has run out of something. */
export function isExhaustion(code: string | undefined): boolean {
  return code !== undefined && EXHAUSTED.has(code)
}
