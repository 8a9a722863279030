import { codeOf, isExhaustion, messageOf, SpinnerError } from '../errors.ts'
import type { Address } from '../types/child.ts'
import type { ChildSettings } from '../types/options.ts'

const FIRST_DELAY_MS = 200
const LONGEST_DELAY_MS = 30_000
const SHORTEST_DELAY_MS = 100
/** When the machine itself is exhausted, trying again at once makes it worse (docs/hazards.md#h11, #h12). */
const RESOURCE_DELAY_MS = 1_000

/**
 * Adds a crash to those that still count. Times are monotonic milliseconds. Keeps at most `max + 1`: one more than
 * allowed is enough to know.
 */
export function addCrash(crashes: readonly number[], now: number, windowMs: number, max: number): number[] {
  return [...crashes.filter((at) => now - at < windowMs), now].slice(-(max + 1))
}

/**
 * Returns the milliseconds to wait before attempt number `step`: none before the first, then exponential backoff with full
 * jitter above a floor, so that children that fail together do not come back together.
 */
export function backoff(step: number, random: number): number {
  if (step <= 0) return 0
  const ceiling = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** (step - 1))
  return Math.max(SHORTEST_DELAY_MS, random * ceiling)
}

/** Returns the wait after a failure of the machine and not of the child: out of descriptors, processes or memory. */
export function resourceBackoff(step: number, random: number): number {
  return RESOURCE_DELAY_MS + backoff(step, random)
}

/**
 * The kind of a failed attempt. Only failures of the child count towards `attempts`. A taken port costs another port, an
 * exhausted machine costs time, each up to a bound of its own.
 */
export type FailureKind = 'child' | 'address' | 'resource'

/** Returns how often a kind of failure may happen in one start before the child is faulted. */
export function allowance(kind: FailureKind, attempts: number): number {
  if (kind === 'child') return attempts
  return kind === 'address' ? attempts + 3 : 10
}

const ADDRESS_TAKEN = /EADDRINUSE|address already in use/i
/** The message of Node. */
const TAKEN_PORT = /address already in use \S*:(\d+)$/i

/** Facts about the process that failed. */
export interface LastSeen {
  /** The address that the process was told to listen on. */
  readonly bound: Address | null
  readonly stderrTail: readonly string[]
}

/** Returns the kind of a failed attempt, and the error that stands for it. */
export function classify(
  thrown: unknown,
  settings: ChildSettings,
  attempts: number,
  { bound, stderrTail }: LastSeen,
): { error: SpinnerError; kind: FailureKind } {
  // Wrap an error of another child, and a frozen one, and leave it unchanged.
  const isOurs = thrown instanceof SpinnerError && thrown.child === settings.name && !Object.isFrozen(thrown)
  const error = isOurs ? thrown : wrapped(thrown, settings.name)
  Object.assign(error, { attempts })
  return { error, kind: kindOf(error, settings, { bound, stderrTail }) }
}

function kindOf(error: SpinnerError, settings: ChildSettings, seen: LastSeen): FailureKind {
  if (isExhaustion(codeOf(error.cause))) return 'resource'
  const { listen } = settings
  const exchangeable = listen === 'port' || (typeof listen === 'object' && listen !== null)
  if (!exchangeable) return 'child'
  if (error.code === 'ERR_SPINNER_FOREIGN_LISTENER') return 'address'
  return error.code === 'ERR_SPINNER_EXITED' && isAddressTaken(seen) ? 'address' : 'child'
}

/** Returns false if the program wants a port of its own choice: another address does not help it. */
function isAddressTaken({ bound, stderrTail }: LastSeen): boolean {
  const named = stderrTail.flatMap((line) => TAKEN_PORT.exec(line)?.[1] ?? [])
  const isOther = named.length > 0 && !named.includes(String(bound))
  return !isOther && stderrTail.some((line) => ADDRESS_TAKEN.test(line))
}

/** Wraps what an allocator or a `ready` function of the user threw. */
const wrapped = (thrown: unknown, child: string): SpinnerError =>
  thrown instanceof SpinnerError && thrown.child === undefined
    ? new SpinnerError(thrown.code, thrown.message, { child, cause: thrown.cause ?? thrown })
    : new SpinnerError('ERR_SPINNER_NOT_READY', `'${child}' could not be made ready: ${messageOf(thrown)}`, {
        child,
        cause: thrown,
      })
