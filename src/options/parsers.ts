import os from 'node:os'
import { fileURLToPath } from 'node:url'
import type { MonitorSettings } from '../types/options.ts'
import type { Check } from '../types/plugin.ts'
import { nearest } from './suggest.ts'
import { parseDuration, parseSize } from './units.ts'

/** Says of a value that it is not what an option takes. */
export const INVALID: unique symbol = Symbol('wrong')

/** Turns what a user gave into what spinner works with, or answers WRONG. */
export type Parser = (value: unknown) => unknown

export const hasNul = (text: string): boolean => text.includes('\0')

/** A value as a person would recognise it in a message. */
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

export const string: Parser = (value) =>
  typeof value === 'string' && value !== '' && !hasNul(value) ? value : INVALID

/** A child is named by its script, so a URL would give it two names. */
export const script: Parser = (value) => (isFileUrl(value) ? INVALID : string(value))

export function isFileUrl(value: unknown): boolean {
  try {
    return value instanceof URL || (typeof value === 'string' && value.startsWith('file://'))
  } catch {
    // A proxy that was revoked.
    return false
  }
}

export const boolean: Parser = (value) => (typeof value === 'boolean' ? value : INVALID)

export const integerFrom =
  (least: number): Parser =>
  (value) =>
    typeof value === 'number' && Number.isSafeInteger(value) && value >= least ? value : INVALID

export const integer =
  (least: number, most: number): Parser =>
  (value) =>
    typeof value === 'number' && value <= most ? integerFrom(least)(value) : INVALID

export const oneOf =
  (...words: readonly string[]): Parser =>
  (value) =>
    words.includes(value as string) ? value : INVALID

/** Seconds. `least` is what the duration must at least be; below a millisecond nothing can be timed. */
export const seconds =
  (least: number): Parser =>
  (value) => {
    const parsed = parseDuration(value)
    return parsed === undefined || parsed < least ? INVALID : parsed
  }

/** Bytes. */
export const bytes =
  (least: number): Parser =>
  (value) => {
    const parsed = parseSize(value)
    return parsed === undefined || parsed < least ? INVALID : parsed
  }

/** Seconds, or `-1`, `null` or Infinity for "never". */
export const secondsOrOff: Parser = (value) =>
  value === null || value === -1 || value === Number.POSITIVE_INFINITY ? null : seconds(0)(value)

export const orNull =
  (parse: Parser): Parser =>
  (value) =>
    value === null ? null : parse(value)

export const stringList: Parser = (value) => {
  if (!Array.isArray(value)) return INVALID
  const items: unknown[] = [...value]
  return items.every((item) => typeof item === 'string' && !hasNul(item)) ? Object.freeze(items) : INVALID
}

export const environment: Parser = (value) => {
  // A Map, too, has no entries of its own that an environment could take.
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

export const inheritance: Parser = (value) => (typeof value === 'boolean' ? value : stringList(value))

export const directory: Parser = (value) => {
  if (!(value instanceof URL)) return string(value)
  try {
    return string(fileURLToPath(value))
  } catch {
    return INVALID
  }
}

export const signalName: Parser = (value) =>
  typeof value === 'string' && value in os.constants.signals ? value : INVALID

/** What a misspelt signal was meant to be: `'term'` and `'TERM'` are SIGTERM. */
export function nearestSignal(value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined
  const upper = value.toUpperCase()
  return nearest(upper.startsWith('SIG') ? upper : `SIG${upper}`, Object.keys(os.constants.signals))
}

const has = (value: unknown, ...methods: readonly string[]): boolean =>
  value !== null &&
  (typeof value === 'object' || typeof value === 'function') &&
  methods.every((method) => typeof (value as Record<string, unknown>)[method] === 'function')

export const stream: Parser = (value) => (has(value, 'write', 'on') ? value : INVALID)

export const loggerLike: Parser = (value) => (has(value, 'info', 'warn', 'error', 'debug') ? value : INVALID)

export const portNumber: Parser = (value) =>
  typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 65_535 ? value : INVALID

export const whereToListen: Parser = (value) => {
  if (value === null || value === 'socket' || value === 'port') return value
  if (typeof value === 'number') return portNumber(value)
  return has(value, 'allocate', 'release') ? value : INVALID
}

export const readiness: Parser = (value) => {
  if (typeof value === 'function') return value
  if (value === 'listen' || value === 'spawn' || value === 'message') return value
  if (typeof value !== 'object' || value === null || Object.keys(value).length !== 1) return INVALID
  const { http, output } = value as { http?: unknown; output?: unknown }
  if (typeof http === 'string' && /^\/[^\s]*$/.test(http) && output === undefined)
    return Object.freeze({ http })
  if (output instanceof RegExp && http === undefined) return Object.freeze({ output })
  return INVALID
}

export const listOf =
  (parse: Parser): Parser =>
  (value) => {
    if (!Array.isArray(value)) return INVALID
    // A hole in the list is as wrong as any other entry, so it must not be skipped.
    const items = Array.from(value, (item) => parse(item))
    return items.includes(INVALID) ? INVALID : Object.freeze(items)
  }

export const checkLike: Parser = (value) => {
  if (!has(value, 'run')) return INVALID
  const { name, interval, retries, run } = value as Check
  const parsed = { name: string(name), interval: seconds(0.001)(interval), retries: integerFrom(1)(retries) }
  if (Object.values(parsed).includes(INVALID)) return INVALID
  const bound: Check['run'] = (...given) => run.call(value as Check, ...given)
  return Object.freeze({ ...parsed, run: bound })
}

/** Each check has a name of its own. */
export const checkList: Parser = (value) => {
  const checks = listOf(checkLike)(value)
  if (checks === INVALID) return INVALID
  const names = new Set((checks as readonly Check[]).map(({ name }) => name))
  return names.size === (checks as readonly Check[]).length ? checks : INVALID
}

export const pluginLike: Parser = (value) => {
  if (typeof value !== 'object' || value === null) return INVALID
  const plugin = value as Record<string, unknown>
  const hooks = ['setup', 'ready', 'drain', 'gone', 'close']
  const well = hooks.every((hook) => plugin[hook] === undefined || typeof plugin[hook] === 'function')
  return well && string(plugin['name']) !== INVALID ? value : INVALID
}

const pathList: Parser = (value) => {
  const paths = typeof value === 'string' ? [value] : value
  const parsed = stringList(paths)
  return parsed === INVALID || (parsed as readonly string[]).length === 0 || (parsed as string[]).includes('')
    ? INVALID
    : parsed
}

const MONITOR_KEYS = new Set(['paths', 'ignore', 'debounce'])

export const monitor: Parser = (value) => {
  if (typeof value === 'string' || Array.isArray(value)) return monitor({ paths: value })
  if (typeof value !== 'object' || value === null) return INVALID
  if (Object.keys(value).some((key) => !MONITOR_KEYS.has(key))) return INVALID
  const { paths, ignore = [], debounce = 0.1 } = value as Record<string, unknown>
  const ignored: unknown[] = Array.isArray(ignore) ? [...ignore] : [ignore]
  const parsed = { paths: pathList(paths), ignore: ignored, debounce: seconds(0)(debounce) }
  const well = ignored.every((entry) => entry instanceof RegExp || string(entry) !== INVALID)
  if (!well || parsed.paths === INVALID || parsed.debounce === INVALID) return INVALID
  return Object.freeze(parsed) as MonitorSettings
}
