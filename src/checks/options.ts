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

/** Type of the validated value of an option: numbers for durations and sizes, and records of strings. */
type Validated<Value> = [number | string] extends [Value]
  ? number
  : Value extends Readonly<Record<string, infer Item>>
    ? Readonly<Record<string, string | Extract<Item, undefined>>>
    : Value

/** Type of the validated options of a check: complete, durations in seconds and sizes in bytes. */
export type SettingsOf<Options> = {
  readonly [Key in keyof Options]-?: Validated<Exclude<Options[Key], undefined>>
}

const MORE_SECONDS = `more than 0 ${SECONDS}`

/** Describes an option that is a duration of more than 0. */
export const secondsOption = (fallback: number): OptionSpec => option(seconds(0.001), MORE_SECONDS, fallback)

/** Describes the options `retries` and `interval`, with the defaults of one check. */
export const paceOptions = (
  retries: number,
  interval: number,
): { retries: OptionSpec; interval: OptionSpec } => ({
  retries: option(integerFrom(1), 'an integer >= 1', retries),
  interval: secondsOption(interval),
})
