import { messageOf, SpinnerError } from '../errors.ts'
import type { Explain } from './explain.ts'
import { INVALID, type Parser, show } from './parsers.ts'
import { nearest } from './suggest.ts'

/** Describes one option: how it is parsed, and what error messages say about it. */
export interface OptionSpec<Value = unknown> {
  readonly parse: Parser<Value>
  /** The accepted values, as error messages and docs/options.md name them. */
  readonly expected: string
  /** The default, or a function that returns it. Absent if the option has no default of its own. */
  readonly default?: Value | (() => Value)
  /** The option must be given. */
  readonly isRequired?: true
  /** Returns the value that an invalid one most likely means. */
  readonly suggest?: (value: unknown) => string | undefined
  /** Explains what is wrong within an invalid value. */
  readonly explain?: Explain
}

/** A table of options: one row for each setting. */
export type OptionSpecs<Settings = Readonly<Record<string, unknown>>> = {
  readonly [Option in keyof Settings]: OptionSpec<Settings[Option]>
}

/** The call that the options were given to. */
export interface ReadContext {
  /** The called function, such as `memory()`: each message begins with it. */
  readonly caller?: string
  /** Returns the message for an option that belongs to another call, if it does. */
  readonly belongsTo?: (key: string) => string | undefined
}

/** What an option with a duration accepts. */
export const SECONDS = "seconds as a number, or a string such as '500ms', '30s', '5m'"

/** Creates the row of an optional option. `fallback` is the default, or a function that returns it. */
export const option = <Value, const Default = never>(
  parse: Parser<Value>,
  expected: string,
  ...fallback: [] | [Default | (() => Default)]
): OptionSpec<Value | Default> =>
  fallback.length === 0 ? { parse, expected } : { parse, expected, default: fallback[0] }

/** Creates the row of a required option. */
export const required = <Value>(parse: Parser<Value>, expected: string): OptionSpec<Value> => ({
  parse,
  expected,
  isRequired: true,
})

/** Reads each known option once. Returns only the given options; one error names everything that is wrong. */
export function readOptions<Settings>(
  given: unknown,
  specs: OptionSpecs<Settings>,
  context: ReadContext = {},
): Partial<Settings> {
  const { caller } = context
  try {
    if (typeof given !== 'object' || given === null || Array.isArray(given)) {
      throw invalid([`\`options\` must be an object, but it is ${show(given)}`], caller)
    }
    const { parsed, wrong } = readAll(given, specs as OptionSpecs, context)
    if (wrong.length > 0) throw invalid(wrong, caller)
    return parsed as Partial<Settings>
  } catch (thrown) {
    if (thrown instanceof SpinnerError) throw thrown
    throw invalid([`\`options\` cannot be read: ${messageOf(thrown)}`], caller, thrown)
  }
}

/** Reads options like {@link readOptions} and fills in the defaults of the table. The result is frozen. */
export function readWithDefaults<Settings extends object>(
  given: unknown,
  specs: Readonly<Record<keyof Settings, OptionSpec>>,
  context: ReadContext = {},
): Settings {
  const table = specs as OptionSpecs<Settings>
  return Object.freeze(withDefaults(table, readOptions(given, table, context)))
}

/** Returns a new object with one member for each row of the table: the given value, or the default. */
export function withDefaults<Settings>(
  specs: OptionSpecs<Settings>,
  given: Readonly<Partial<Settings>>,
): Settings {
  const settings: Partial<Settings> = {}
  for (const key of Object.keys(specs) as (keyof Settings)[]) {
    const value = given[key] === undefined ? defaultOf(specs[key]) : given[key]
    settings[key] = value as Settings[keyof Settings]
  }
  return settings as Settings
}

const defaultOf = (spec: OptionSpec): unknown =>
  typeof spec.default === 'function' ? spec.default() : spec.default

/** Creates the error that names everything that is wrong with options. */
export function invalid(wrong: readonly string[], caller?: string, cause?: unknown): SpinnerError {
  const message = wrong.map(asSentence).join(' ')
  return new SpinnerError('ERR_SPINNER_INVALID_OPTION', caller ? `${caller}: ${message}` : message, { cause })
}

const asSentence = (text: string): string => (text.endsWith('?') ? text : `${text}.`)

function readAll(given: object, specs: OptionSpecs, { belongsTo }: ReadContext) {
  const parsed: Record<string, unknown> = {}
  const wrong: string[] = []
  const missing = new Set(Object.keys(specs).filter((key) => specs[key]?.isRequired))
  for (const key of Object.keys(given)) {
    const spec = Object.hasOwn(specs, key) ? specs[key] : undefined
    if (!spec) {
      wrong.push(belongsTo?.(key) ?? unknownOption(key, specs))
      continue
    }
    const value = (given as Record<string, unknown>)[key]
    if (value === undefined) continue
    missing.delete(key)
    parsed[key] = spec.parse(value)
    if (parsed[key] === INVALID) wrong.push(invalidValue(key, value, spec))
  }
  for (const key of missing) wrong.push(`\`${key}\` is missing: pass ${specs[key]?.expected}`)
  return { parsed, wrong }
}

function invalidValue(key: string, value: unknown, { expected, explain, suggest }: OptionSpec): string {
  const fault = explain?.(value, key) ?? `it is ${show(value)}`
  const suggestion = suggest?.(value)
  return `\`${key}\` must be ${expected}, but ${fault}${suggestion ? `; did you mean '${suggestion}'?` : ''}`
}

function unknownOption(key: string, specs: OptionSpecs): string {
  const suggestion = nearest(key, Object.keys(specs))
  return `\`${key.slice(0, 60)}\` is not an option${suggestion ? `; did you mean \`${suggestion}\`?` : ''}`
}
