import { messageOf } from '../errors.ts'
import { show } from '../options/parsers.ts'
import type { Figures } from '../types/child.ts'

/** Result of one run of a check. */
export type Verdict =
  | { readonly is: 'healthy'; readonly figures: Figures | null }
  | { readonly is: 'unhealthy'; readonly reason: string; readonly figures: Figures | null }
  /** The run does not count. `reason` is null if the user need not know why. */
  | { readonly is: 'unknown'; readonly reason: string | null }

/** Result of a run that does not count and needs no explanation. */
export const UNKNOWN_VERDICT: Verdict = { is: 'unknown', reason: null }

/** Limits the length of a reason, because reasons go into logs, events and `child.info()`. */
const MAX_REASON_LENGTH = 1_000

/** Thrown by a check that could not examine the child. The run does not count. */
export class Inconclusive extends Error {}

/** Thrown by a check that found the child unhealthy, with the figures that it measured. */
export class Unhealthy extends Error {
  readonly figures: Figures

  constructor(reason: string, figures: Figures) {
    super(reason)
    this.figures = figures
  }
}

/** Returns the verdict of a run that resolved with `result`. */
export function verdictOf(result: unknown): Verdict {
  if (result === null) return UNKNOWN_VERDICT
  if (result !== undefined && typeof result !== 'object') {
    return {
      is: 'unknown',
      reason: `the check must resolve with nothing, an object of numbers, or null, but it resolved with ${show(result)}`,
    }
  }
  return { is: 'healthy', figures: figuresOf(result) }
}

/** Returns the verdict of a run that threw or rejected. */
export function verdictOfThrown(thrown: unknown): Verdict {
  const reason = messageOf(thrown).slice(0, MAX_REASON_LENGTH)
  if (thrown instanceof Inconclusive) return { is: 'unknown', reason }
  return { is: 'unhealthy', reason, figures: figuresOf(memberOf(thrown, 'figures')) }
}

function memberOf(thing: unknown, key: string): unknown {
  try {
    return (thing as Record<string, unknown> | null | undefined)?.[key]
  } catch {
    return undefined
  }
}

/** Returns the numbers of a plain object. Any other object, such as an HTTP response, has no figures. */
function figuresOf(given: unknown): Figures | null {
  try {
    if (typeof given !== 'object' || given === null) return null
    const prototype: unknown = Object.getPrototypeOf(given)
    if (prototype !== Object.prototype && prototype !== null) return null
    const numbers = Object.entries(given).filter(([, value]) => Number.isFinite(value))
    if (numbers.length === 0) return null
    const figures: Record<string, number> = Object.create(null)
    for (const [name, value] of numbers) figures[name] = value
    return Object.freeze(figures)
  } catch {
    return null
  }
}
