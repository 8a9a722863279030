import { messageOf } from '../errors.ts'
import { show } from '../options/parsers.ts'
import type { Figures } from '../types/child.ts'

/** What one run of a check has found. */
export type Verdict =
  | { readonly is: 'well'; readonly figures: Figures | null }
  | { readonly is: 'failed'; readonly reason: string; readonly figures: Figures | null }
  /** Nothing could be told. `why` is there where somebody should know. */
  | { readonly is: 'untold'; readonly why: string | null }

/** Neither a failure nor a success, and nothing to be said about it. */
export const UNKNOWN: Verdict = { is: 'untold', why: null }

/** A reason goes into logs, events and pictures of a child. */
const LONGEST_REASON = 1_000

/** Thrown by a check that could not look at the child: it says nothing about how the child is. */
export class Inconclusive extends Error {}

/** Thrown by a check that has found a child unwell, with what it has measured. */
export class Unhealthy extends Error {
  readonly figures: Figures

  constructor(reason: string, figures: Figures) {
    super(reason)
    this.figures = figures
  }
}

/** What a run that has ended without a throw says. */
export function verdictOf(result: unknown): Verdict {
  if (result === null) return UNKNOWN
  if (result !== undefined && typeof result !== 'object') {
    return {
      is: 'untold',
      why: `it must resolve with nothing, an object of numbers or null, but it gave ${show(result)}`,
    }
  }
  return { is: 'well', figures: figuresOf(result) }
}

/** What a run that has thrown says. */
export function verdictOfThrown(thrown: unknown): Verdict {
  const reason = messageOf(thrown).slice(0, LONGEST_REASON)
  if (thrown instanceof Inconclusive) return { is: 'untold', why: reason }
  return { is: 'failed', reason, figures: figuresOf(memberOf(thrown, 'figures')) }
}

function memberOf(thing: unknown, key: string): unknown {
  try {
    return (thing as Record<string, unknown> | null | undefined)?.[key]
  } catch {
    return undefined
  }
}

/** The numbers of a plain object. A check may resolve with what it has at hand, such as an answer: that has none. */
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
