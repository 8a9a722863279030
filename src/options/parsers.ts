import os from 'node:os'
import type { Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import type { ChildSettings, Logger, MonitorSettings } from '../types/options.ts'
import type { Allocator, Check, Plugin } from '../types/plugin.ts'
import { nearest } from './suggest.ts'
import { parseDuration, parseSize } from './units.ts'

/** Marks a value that an option does not accept. */
export const INVALID: unique symbol = Symbol('invalid')

/** A JSON schema, or a part of one. */
export type JsonSchema = Readonly<Record<string, unknown>>

/** Turns a given value into the one that spinner works with, or returns {@link INVALID}. */
export interface Parser<Value = unknown> {
  (value: unknown): Value | typeof INVALID
  /** Describes the scalars that the parser accepts; absent if it accepts none. Configuration files are read by it. */
  readonly schema?: JsonSchema
}

const scalar = <Value>(
  schema: JsonSchema,
  parse: (value: unknown) => Value | typeof INVALID,
): Parser<Value> => Object.assign(parse, { schema })

export const hasNul = (text: string): boolean => text.includes('\0')

/** Shows a value in a message, so that a person recognises it. */
export function show(value: unknown): string {
  try {
    if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value)
    if (Array.isArray(value)) return 'an array'
    if (typeof value === 'function') return 'a function'
    if (typeof value === 'object' && value !== null) return 'an object'
    return String(value)
  } catch {
    return 'a value that cannot be shown'
  }
}

export const string: Parser<string> = scalar({ type: 'string' }, (value) =>
  typeof value === 'string' && value !== '' && !hasNul(value) ? value : INVALID,
)

/** Rejects URLs: a child is named after its script, so a script has one spelling. */
export const script: Parser<string> = scalar({ type: 'string' }, (value) =>
  isFileUrl(value) ? INVALID : string(value),
)

export function isFileUrl(value: unknown): boolean {
  try {
    return value instanceof URL || (typeof value === 'string' && value.startsWith('file://'))
  } catch {
    // A revoked proxy.
    return false
  }
}

export const boolean: Parser<boolean> = scalar({ type: 'boolean' }, (value) =>
  typeof value === 'boolean' ? value : INVALID,
)

export const integerFrom = (least: number): Parser<number> =>
  scalar({ type: 'integer', minimum: least }, (value) =>
    typeof value === 'number' && Number.isSafeInteger(value) && value >= least ? value : INVALID,
  )

export const integer = (least: number, most: number): Parser<number> =>
  scalar({ type: 'integer', minimum: least, maximum: most }, (value) =>
    typeof value === 'number' && value <= most ? integerFrom(least)(value) : INVALID,
  )

export const oneOf = <Word extends string>(...words: readonly Word[]): Parser<Word> =>
  scalar({ enum: words }, (value) => words.find((word) => word === value) ?? INVALID)

const DURATION: readonly JsonSchema[] = [
  { type: 'number', minimum: 0 },
  { type: 'string', pattern: '^\\d+(\\.\\d+)?\\s*(ms|s|m|h|d)$' },
]

/** Parses a duration of at least `least` seconds. Timers cannot be shorter than a millisecond. */
export const seconds = (least: number): Parser<number> =>
  scalar({ anyOf: DURATION }, (value) => {
    const parsed = parseDuration(value)
    return parsed === undefined || parsed < least ? INVALID : parsed
  })

/** Parses a size of at least `least` bytes. */
export const bytes = (least: number): Parser<number> =>
  scalar({ type: ['number', 'string'] }, (value) => {
    const parsed = parseSize(value)
    return parsed === undefined || parsed < least ? INVALID : parsed
  })

/** Parses a duration in seconds; `-1`, `null` and Infinity mean "never" and become null. */
export const secondsOrOff: Parser<number | null> = scalar(
  { anyOf: [...DURATION, { const: -1 }, { type: 'null' }] },
  (value) =>
    value === null || value === -1 || value === Number.POSITIVE_INFINITY ? null : seconds(0)(value),
)

export function orNull<Value>(parse: Parser<Value>): Parser<Value | null> {
  const parseOrNull = (value: unknown): Value | null | typeof INVALID =>
    value === null ? null : parse(value)
  return parse.schema ? scalar({ anyOf: [parse.schema, { type: 'null' }] }, parseOrNull) : parseOrNull
}

const isText = (value: unknown): value is string => typeof value === 'string' && !hasNul(value)

export const stringList: Parser<readonly string[]> = (value) => {
  if (!Array.isArray(value)) return INVALID
  const items: unknown[] = [...value]
  return items.every(isText) ? Object.freeze(items) : INVALID
}

export const environment: Parser<Readonly<Record<string, string | undefined>>> = (value) => {
  // A Map has no entries of its own that could become variables.
  if (typeof value !== 'object' || value === null || Symbol.iterator in value) return INVALID
  const env: Record<string, string | undefined> = Object.create(null)
  for (const [key, entry] of Object.entries(value)) {
    if (key === '' || key.includes('=') || hasNul(key)) return INVALID
    if (entry === undefined || entry === null) env[key] = undefined
    else if (['string', 'number', 'boolean'].includes(typeof entry)) env[key] = String(entry)
    else return INVALID
    if (hasNul(env[key] ?? '')) return INVALID
  }
  return Object.freeze(env)
}

export const inheritance: Parser<boolean | readonly string[]> = (value) =>
  typeof value === 'boolean' ? value : stringList(value)

export const directory: Parser<string> = scalar({ type: 'string' }, (value) => {
  if (!(value instanceof URL)) return string(value)
  try {
    return string(fileURLToPath(value))
  } catch {
    return INVALID
  }
})

/** Parses the path of a request, with or without a query. */
export const urlPath: Parser<string> = scalar({ type: 'string', pattern: '^/' }, (value) =>
  typeof value === 'string' && /^\/\S*$/.test(value) ? value : INVALID,
)

export const signalName: Parser<NodeJS.Signals> = scalar({ type: 'string' }, (value) =>
  typeof value === 'string' && value in os.constants.signals ? (value as NodeJS.Signals) : INVALID,
)

/** Returns the signal that a misspelt name most likely means: SIGTERM for `'term'` and `'TERM'`. */
export function nearestSignal(value: unknown): string | undefined {
  if (typeof value !== 'string' || value === '') return undefined
  const upper = value.toUpperCase()
  return nearest(upper.startsWith('SIG') ? upper : `SIG${upper}`, Object.keys(os.constants.signals))
}

const has = (value: unknown, ...methods: readonly string[]): boolean =>
  value !== null &&
  (typeof value === 'object' || typeof value === 'function') &&
  methods.every((method) => typeof (value as Record<string, unknown>)[method] === 'function')

export const stream: Parser<Writable> = (value) => (has(value, 'write', 'on') ? (value as Writable) : INVALID)

export const loggerLike: Parser<Logger> = (value) =>
  has(value, 'info', 'warn', 'error', 'debug') ? (value as Logger) : INVALID

export const portNumber: Parser<number> = integer(1, 65_535)

const LISTEN: JsonSchema = { anyOf: [{ enum: ['socket', 'port'] }, portNumber.schema, { type: 'null' }] }

export const whereToListen: Parser<ChildSettings['listen']> = scalar(LISTEN, (value) => {
  if (value === null || value === 'socket' || value === 'port') return value
  if (typeof value === 'number') return portNumber(value)
  return has(value, 'allocate', 'release') ? (value as Allocator) : INVALID
})

const isValid = <Value>(value: Value | typeof INVALID): value is Value => value !== INVALID

export const listOf =
  <Value>(parse: Parser<Value>): Parser<readonly Value[]> =>
  (value) => {
    if (!Array.isArray(value)) return INVALID
    // Array.from visits holes too. A hole is an invalid item.
    const items = Array.from(value, (item) => parse(item))
    return items.every(isValid<Value>) ? Object.freeze(items) : INVALID
  }

export const checkLike: Parser<Check> = (value) => {
  if (!has(value, 'run')) return INVALID
  const given = value as Check
  const { run } = given
  const name = string(given.name)
  const interval = seconds(0.001)(given.interval)
  const retries = integerFrom(1)(given.retries)
  if (name === INVALID || interval === INVALID || retries === INVALID) return INVALID
  return Object.freeze<Check>({ name, interval, retries, run: (...args) => run.call(given, ...args) })
}

/** Parses an array of checks, each with a different name. */
export const checkList: Parser<readonly Check[]> = (value) => {
  const checks = listOf(checkLike)(value)
  if (checks === INVALID) return INVALID
  const names = new Set(checks.map(({ name }) => name))
  return names.size === checks.length ? checks : INVALID
}

export const pluginLike: Parser<Plugin> = (value) => {
  if (typeof value !== 'object' || value === null) return INVALID
  const plugin = value as Record<string, unknown>
  const hooks = ['setup', 'ready', 'drain', 'gone', 'close']
  const isWellFormed = hooks.every((hook) => plugin[hook] === undefined || typeof plugin[hook] === 'function')
  return isWellFormed && string(plugin['name']) !== INVALID ? (value as Plugin) : INVALID
}

const pathList: Parser<readonly string[]> = (value) => {
  const paths = stringList(typeof value === 'string' ? [value] : value)
  return paths === INVALID || paths.length === 0 || paths.includes('') ? INVALID : paths
}

const ignorePattern: Parser<string | RegExp> = (value) => (value instanceof RegExp ? value : string(value))

const MONITOR_KEYS = new Set(['paths', 'ignore', 'debounce'])

export const monitor: Parser<MonitorSettings> = (value) => {
  if (typeof value === 'string' || Array.isArray(value)) return monitor({ paths: value })
  if (typeof value !== 'object' || value === null) return INVALID
  if (Object.keys(value).some((key) => !MONITOR_KEYS.has(key))) return INVALID
  const given = value as Record<string, unknown>
  const { ignore = [], debounce: pause = 0.1 } = given
  const paths = pathList(given['paths'])
  const ignored = listOf(ignorePattern)(Array.isArray(ignore) ? ignore : [ignore])
  const debounce = seconds(0)(pause)
  if (paths === INVALID || ignored === INVALID || debounce === INVALID) return INVALID
  return Object.freeze({ paths, ignore: ignored, debounce })
}
