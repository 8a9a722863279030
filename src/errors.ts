import { getSystemErrorName } from 'node:util'
import type { Exit } from './types/child.ts'
import type { SpinnerError as Contract, SpinnerErrorCode, SpinnerErrorDetails } from './types/errors.ts'

/**
 * Error that spinner throws, rejects with and emits. `code` is for programs. `message` is for people: it states what
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

/** Returns the message of anything that was thrown. */
export function messageOf(thrown: unknown): string {
  try {
    return String(thrown instanceof Error ? thrown.message : thrown)
  } catch {
    return 'a value that cannot be shown'
  }
}

/** Returns Node's error code (`ENOENT`, …) of anything that was thrown. */
export function codeOf(thrown: unknown): string | undefined {
  try {
    const { code, errno } = (thrown ?? {}) as { code?: unknown; errno?: unknown }
    // Functions of node:os throw errors with a number only, whose sign differs.
    if (code === 'ERR_SYSTEM_ERROR' && typeof errno === 'number') return getSystemErrorName(-Math.abs(errno))
    return typeof code === 'string' ? code : undefined
  } catch {
    return undefined
  }
}

/** Describes how a process ended. */
export const endingOf = (exit: Exit): string =>
  exit.signal ? `was terminated by ${exit.signal}` : `exited with code ${exit.code}`

const SILENT = 'It wrote nothing to stderr; run it by hand to see why.'

/** Creates the error for a process that ended after it was ready, without a request to stop. */
export function crashedError(child: string, exit: Exit, output: readonly string[]): SpinnerError {
  const message = `'${child}' ${endingOf(exit)} without a request to stop.${quoted(output)}`
  return new SpinnerError('ERR_SPINNER_EXITED', message, {
    child,
    exitCode: exit.code,
    signal: exit.signal,
    output,
  })
}

/** Creates the error for a child with more crashes than `maxRestarts` allows. */
export function crashLoopError(crash: SpinnerError, times: number, seconds: number): SpinnerError {
  const { child = '', output = [], exitCode = null, signal = null } = crash
  const message = `'${child}' crashed ${times} times within ${seconds} s, more often than \`maxRestarts\` allows.${quoted(output, SILENT)}`
  return new SpinnerError('ERR_SPINNER_EXITED', message, { child, exitCode, signal, output, cause: crash })
}

/** Creates the error for a new process that did not start, while the old one continues to serve. */
export function keptError(child: string, cause: SpinnerError): SpinnerError {
  const { attempts = 1, exitCode = null, signal = null, output = [] } = cause
  const message = `The new process of '${child}' did not start, so the old one stays: ${cause.message}`
  return new SpinnerError(cause.code, message, { child, cause, attempts, exitCode, signal, output })
}

/** Creates the error for a process that ended before `awaited`, such as "it was ready". */
export function exitedError(
  child: string,
  exit: Exit,
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

/** Returns the first line of an error's message, for a line in a log. */
export const firstLineOf = (error: Error): string =>
  messageOf(error).split('\n', 1)[0]?.replace(LAST_LINES, '') ?? ''

const LAST_LINES = ' Last lines of stderr:'

/** Formats the last lines of a child's stderr as the end of a message. */
export function quoted(lines: readonly string[], otherwise = ''): string {
  if (lines.length === 0) return otherwise && ` ${otherwise}`
  return `${LAST_LINES}\n${lines.map((line) => `    ${line}`).join('\n')}`
}

/** Creates the error for a child that is stopped and is not being started. */
export function stoppedError(child: string): SpinnerError {
  const message = `'${child}' was stopped; call start() to start it again.`
  return new SpinnerError('ERR_SPINNER_STOPPED', message, { child })
}

/** Creates the error for a faulted child that rejects `start` for `leftMs` more milliseconds. */
export function faultedError(
  child: string,
  cause: SpinnerError | null,
  leftMs: number,
  date: number,
): SpinnerError {
  const why = cause?.message ?? 'unknown'
  const message = `'${child}' is faulted and will not be started for ${Math.ceil(leftMs / 1_000)} s; fix the cause, or call restart(). Cause: ${why}`
  const retryAt = new Date(date + leftMs)
  return new SpinnerError('ERR_SPINNER_FAULTED', message, {
    child,
    cause,
    retryAt,
    output: cause?.output ?? [],
  })
}

/** Lists process ids; returns nothing if they are unknown. */
const listed = (pids: readonly number[]): string => (pids.length === 0 ? '' : ` (${pids.join(', ')})`)

/** Creates the error for a child of which processes survived the kill. */
export function stillAliveError(child: string, pids: readonly number[]): SpinnerError {
  const message = `'${child}' was killed, but some of its processes are still alive${listed(pids)}; it cannot be started while they are. Kill them by hand, then stop or start it.`
  return new SpinnerError('ERR_SPINNER_STILL_ALIVE', message, { child })
}

/** Creates the error for a replaced process of which parts survived the kill. */
export function lingersError(child: string, pids: readonly number[]): SpinnerError {
  const message = `The old process of '${child}' was replaced and killed, but some of its processes are still alive${listed(pids)}; kill them by hand.`
  return new SpinnerError('ERR_SPINNER_STILL_ALIVE', message, { child })
}

/** Creates the error for a child that is unhealthy again after as many restarts as checks may cause. */
export function stillUnhealthyError(child: string, reason: string): SpinnerError {
  const message = `'${child}' is still unhealthy (${reason}) after several restarts; it will not be restarted again for that.`
  return new SpinnerError('ERR_SPINNER_NOT_READY', message, { child })
}

/** Creates the error for a start that found no free slot. `limits` names the limits and their values. */
export function noSlotError(child: string, seconds: number, limits: string): SpinnerError {
  const message = `'${child}' found no free slot within ${seconds} s: ${limits}, and every running child is in use or warm. Raise the limit, or release leases.`
  return new SpinnerError('ERR_SPINNER_NOT_READY', message, { child })
}

/** Creates the error for a call after `close()`. */
export function closedError(child?: string): SpinnerError {
  const subject = child === undefined ? 'This spinner' : `The spinner of '${child}'`
  const message = `${subject} is closed; create a new one with createSpinner().`
  return new SpinnerError('ERR_SPINNER_CLOSED', message, child === undefined ? {} : { child })
}

/** Creates the error for a failure of the state machine, which is a bug in spinner. */
export function internalError(child: string, cause: unknown): SpinnerError {
  const message = `Internal error while supervising '${child}'; its supervisor was reset: ${messageOf(cause)}. Please report this.`
  return new SpinnerError('ERR_SPINNER_FAULTED', message, { child, cause })
}

const EXHAUSTED = new Set(['EMFILE', 'ENFILE', 'EAGAIN', 'ENOMEM', 'ENOSPC', 'ENOBUFS'])

/** Returns true if an error code means that the system has run out of a resource. */
export function isExhaustion(code: string | undefined): boolean {
  return code !== undefined && EXHAUSTED.has(code)
}
