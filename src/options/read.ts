import { messageOf, SpinnerError } from '../errors.ts'
import type { Explain } from './explain.ts'
import { INVALID, type Parser, show } from './parsers.ts'
import { nearest } from './suggest.ts'

/** How one option is read, and what is said of it when it is wrong. */
export interface OptionSpec {
  readonly parse: Parser
  /** What the option takes, as the message to a person says it. */
  readonly takes: string
  /** Absent: the option has no default of its own. */
  readonly default?: unknown
  /** It must be given. */
  readonly isRequired?: true
  /** What a wrong value was most likely meant to be. */
  readonly meant?: (value: unknown) => string | undefined
  /** What is wrong within a wrong value, where that says more than the value does. */
  readonly part?: Explain
}

/** A table of options, by name. */
export type OptionSpecs = Readonly<Record<string, OptionSpec>>

/** What the reader is told besides the table. */
export interface ReadContext {
  /** The function that was called, such as `memory()`: each message begins with it. */
  readonly by?: string
  /** What is said of a name that is on another table, if it is. */
  readonly elsewhere?: (key: string) => string | undefined
}

export const SECONDS = "seconds as a number, or a text such as '500ms', '30s', '5m'"

/** One row of a table. `fallback` is the default, or a function that gives it; without one there is none. */
export const option = (parse: Parser, takes: string, ...fallback: [] | [unknown]): OptionSpec =>
  fallback.length === 0 ? { parse, takes } : { parse, takes, default: fallback[0] }

/** A row of an option that must be given. */
export const required = (parse: Parser, takes: string): OptionSpec => ({ parse, takes, isRequired: true })

/** Reads each known option once; all that is wrong is said in one error. What was not given is left out. */
export function readOptions(
  given: unknown,
  rows: OptionSpecs,
  reading: ReadContext = {},
): Record<string, unknown> {
  try {
    if (typeof given !== 'object' || given === null || Array.isArray(given)) {
      throw invalid([`\`options\` must be an object, but it is ${show(given)}`], reading.by)
    }
    const { parsed, wrong } = readAll(given, rows, reading)
    if (wrong.length > 0) throw invalid(wrong, reading.by)
    return parsed
  } catch (thrown) {
    if (thrown instanceof SpinnerError) throw thrown
    throw invalid([`\`options\` could not be read: ${messageOf(thrown)}`], reading.by, thrown)
  }
}

/** The same with the defaults of the table filled in: frozen, and with every option that has one. */
export function readWithDefaults<Settings extends object>(
  given: unknown,
  rows: Readonly<Record<keyof Settings, OptionSpec>>,
  reading: ReadContext = {},
): Settings {
  const parsed = readOptions(given, rows, reading)
  const settings: Record<string, unknown> = {}
  for (const [key, known] of Object.entries<OptionSpec>(rows))
    settings[key] = Object.hasOwn(parsed, key) ? parsed[key] : defaultOf(known)
  return Object.freeze(settings) as Settings
}

export const defaultOf = (known: OptionSpec): unknown =>
  typeof known.default === 'function' ? known.default() : known.default

/** The one error for all that is wrong with options. */
export function invalid(wrong: readonly string[], by?: string, cause?: unknown): SpinnerError {
  const message = wrong.map(asSentence).join(' ')
  return new SpinnerError('ERR_SPINNER_INVALID_OPTION', by ? `${by}: ${message}` : message, { cause })
}

const asSentence = (text: string): string => (text.endsWith('?') ? text : `${text}.`)

function readAll(given: object, rows: OptionSpecs, { elsewhere }: ReadContext) {
  const parsed: Record<string, unknown> = {}
  const wrong: string[] = []
  const missing = new Set(Object.keys(rows).filter((key) => rows[key]?.isRequired))
  for (const key of Object.keys(given)) {
    const known = Object.hasOwn(rows, key) ? rows[key] : undefined
    if (!known) {
      wrong.push(elsewhere?.(key) ?? unknownOption(key, rows))
      continue
    }
    const value = (given as Record<string, unknown>)[key]
    if (value === undefined) continue
    missing.delete(key)
    parsed[key] = known.parse(value)
    if (parsed[key] === INVALID) wrong.push(wrongOption(key, value, known))
  }
  for (const key of missing) wrong.push(`\`${key}\` is missing: give ${rows[key]?.takes}`)
  return { parsed, wrong }
}

function wrongOption(key: string, value: unknown, { takes, meant, part }: OptionSpec): string {
  const came = part?.(value, key) ?? `it is ${show(value)}`
  const probably = meant?.(value)
  return `\`${key}\` must be ${takes}, but ${came}${probably ? `; did you mean '${probably}'?` : ''}`
}

function unknownOption(key: string, rows: OptionSpecs): string {
  const meant = nearest(key, Object.keys(rows))
  return `\`${key.slice(0, 60)}\` is not an option${meant ? `; did you mean \`${meant}\`?` : ''}`
}
