import { seconds, wholeFrom } from '../options/parsers.ts'
import { type Row, row, SECONDS } from '../options/read.ts'
import type { Duration } from '../types/options.ts'

/** What all ready-made checks take. */
export interface PaceOptions {
  /** Failures in a row that make the child unhealthy. */
  retries?: number
  /** From the end of one run to the next. */
  interval?: Duration
}

const MORE_SECONDS = `more than 0 ${SECONDS}`

/** A row of seconds that must pass. */
export const secondsRow = (fallback: number): Row => row(seconds(0.001), MORE_SECONDS, fallback)

/** The rows of `retries` and `interval`, with the defaults of one check. */
export const paceRows = (retries: number, interval: number): { retries: Row; interval: Row } => ({
  retries: row(wholeFrom(1), 'a whole number from 1', retries),
  interval: secondsRow(interval),
})
