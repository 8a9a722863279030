import { codeOf, isExhaustion, messageOf, SpinnerError } from '../errors.ts'
import type { Address } from '../types/child.ts'
import type { ChildSettings } from '../types/options.ts'

const FIRST_DELAY_MS = 200
const LONGEST_DELAY_MS = 30_000
const SHORTEST_DELAY_MS = 100
/** When the machine itself is exhausted, trying again at once makes it worse (docs/hazards.md#h11, #h12). */
const RESOURCE_DELAY_MS = 1_000

/**
 * Adds a crash to the ones that still count. Times are monotonic milliseconds; at most `max + 1` are kept, since
 * one more than allowed is all that ever needs to be known.
 */
export function addCrash(crashes: readonly number[], now: number, windowMs: number, max: number): number[] {
  return [...crashes.filter((at) => now - at < windowMs), now].slice(-(max + 1))
}

/**
 * How long to wait before try number `step`, in milliseconds: none before the first, then exponential with full
 * jitter above a floor, so that children that fail together do not come back together.
 */
export function backoff(step: number, random: number): number {
  if (step <= 0) return 0
  const ceiling = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** (step - 1))
  return Math.max(SHORTEST_DELAY_MS, random * ceiling)
}

/** The wait after a failure that is the machine's and not the child's: out of descriptors, processes, memory. */
export function resourceBackoff(step: number, random: number): number {
  return RESOURCE_DELAY_MS + backoff(step, random)
}

/**
 * What kind of failure an attempt was. Only the child's own count towards `attempts`; a taken port costs a fresh
 * port, an exhausted machine costs time, each up to a bound of its own.
 */
export type FailureKind = 'child' | 'address' | 'resource'

/** How often each kind may happen in one start before the child is faulted. */
export function allowance(kind: FailureKind, attempts: number): number {
  if (kind === 'child') return attempts
  return kind === 'address' ? attempts + 3 : 10
}

const ADDRESS_TAKEN = /EADDRINUSE|address already in use/i
/** As Node says it. */
const TAKEN_PORT = /address already in use \S*:(\d+)$/i

/** What is known of the process that failed. */
export interface LastSeen {
  /** Where it was told to listen. */
  readonly bound: Address | null
  readonly stderrTail: readonly string[]
}

/** What kind of failure an attempt was, and the error that stands for it. */
export function classify(
  thrown: unknown,
  settings: ChildSettings,
  attempts: number,
  { bound, stderrTail }: LastSeen,
): { error: SpinnerError; kind: FailureKind } {
  // An error that was made for another child, or frozen, stays as it is beneath one of ours.
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
  return error.code === 'ERR_SPINNER_EXITED' && isItsAddressTaken(seen) ? 'address' : 'child'
}

/** Another port does not help a program that wants one of its own choice. */
function isItsAddressTaken({ bound, stderrTail }: LastSeen): boolean {
  const named = stderrTail.flatMap((line) => TAKEN_PORT.exec(line)?.[1] ?? [])
  const isOther = named.length > 0 && !named.includes(String(bound))
  return !isOther && stderrTail.some((line) => ADDRESS_TAKEN.test(line))
}

/** What an allocator or a `ready` function of the user's threw. */
const wrapped = (thrown: unknown, child: string): SpinnerError =>
  thrown instanceof SpinnerError && thrown.child === undefined
    ? new SpinnerError(thrown.code, thrown.message, { child, cause: thrown.cause ?? thrown })
    : new SpinnerError('ERR_SPINNER_NOT_READY', `'${child}' could not be made ready: ${messageOf(thrown)}`, {
        child,
        cause: thrown,
      })
