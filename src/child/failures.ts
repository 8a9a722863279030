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
