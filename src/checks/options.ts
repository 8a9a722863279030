import { integerFrom, seconds } from '../options/parsers.ts'
import { type OptionSpec, option, SECONDS } from '../options/read.ts'
import type { Duration } from '../types/options.ts'

/** Options of all built-in checks. */
export interface PaceOptions {
  /** Number of consecutive failures that make the child unhealthy. */
  retries?: number
  /** Time from the end of one run to the next. */
  interval?: Duration
}

const MORE_SECONDS = `more than 0 ${SECONDS}`

/** Creates the row of a duration that must be more than 0. */
export const secondsOption = (fallback: number): OptionSpec => option(seconds(0.001), MORE_SECONDS, fallback)

/** Creates the rows of `retries` and `interval`, with the defaults of one check. */
export const paceOptions = (
  retries: number,
  interval: number,
): { retries: OptionSpec; interval: OptionSpec } => ({
  retries: option(integerFrom(1), 'a whole number from 1', retries),
  interval: secondsOption(interval),
})
