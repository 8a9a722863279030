import os from 'node:os'
import { fileURLToPath } from 'node:url'
import type { MonitorSettings } from '../types/options.ts'
import type { Check } from '../types/plugin.ts'
import { parseDuration } from './duration.ts'
import { parseSize } from './size.ts'
import { nearest } from './suggest.ts'

/** Says of a value that it is not what an option takes. */
export const WRONG: unique symbol = Symbol('wrong')

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

export const text: Parser = (value) =>
  typeof value === 'string' && value !== '' && !hasNul(value) ? value : WRONG

/** A child is named by its script, so a URL would give it two names. */
export const script: Parser = (value) => (isFileUrl(value) ? WRONG : text(value))

export function isFileUrl(value: unknown): boolean {
  try {
    return value instanceof URL || (typeof value === 'string' && value.startsWith('file://'))
  } catch {
    // A proxy that was revoked.
    return false
  }
}

export const flag: Parser = (value) => (typeof value === 'boolean' ? value : WRONG)

export const wholeFrom =
  (least: number): Parser =>
  (value) =>
    typeof value === 'number' && Number.isSafeInteger(value) && value >= least ? value : WRONG

export const whole =
  (least: number, most: number): Parser =>
  (value) =>
    typeof value === 'number' && value <= most ? wholeFrom(least)(value) : WRONG

export const oneOf =
  (...words: readonly string[]): Parser =>
  (value) =>
    words.includes(value as string) ? value : WRONG

/** Seconds. `least` is what the duration must at least be; below a millisecond nothing can be timed. */
export const seconds =
  (least: number): Parser =>
  (value) => {
    const parsed = parseDuration(value)
    return parsed === undefined || parsed < least ? WRONG : parsed
  }

/** Bytes. */
export const bytes =
  (least: number): Parser =>
  (value) => {
    const parsed = parseSize(value)
    return parsed === undefined || parsed < least ? WRONG : parsed
  }

/** Seconds, or `-1`, `null` or Infinity for "never". */
export const secondsOrOff: Parser = (value) =>
  value === null || value === -1 || value === Number.POSITIVE_INFINITY ? null : seconds(0)(value)

export const orNull =
  (parse: Parser): Parser =>
  (value) =>
    value === null ? null : parse(value)

export const textList: Parser = (value) => {
  if (!Array.isArray(value)) return WRONG
  const items: unknown[] = [...value]
  return items.every((item) => typeof item === 'string' && !hasNul(item)) ? Object.freeze(items) : WRONG
}

export const environment: Parser = (value) => {
  // A Map, too, has no entries of its own that an environment could take.
  if (typeof value !== 'object' || value === null || Symbol.iterator in value) return WRONG
  const env: Record<string, string | undefined> = Object.create(null)
  for (const [key, entry] of Object.entries(value)) {
    if (key === '' || key.includes('=') || hasNul(key)) return WRONG
    if (entry === undefined || entry === null) env[key] = undefined
    else if (['string', 'number', 'boolean'].includes(typeof entry)) env[key] = String(entry)
    else return WRONG
    if (hasNul(env[key] ?? '')) return WRONG
  }
  return Object.freeze(env)
}

export const inheritance: Parser = (value) => (typeof value === 'boolean' ? value : textList(value))

export const folder: Parser = (value) => {
  if (!(value instanceof URL)) return text(value)
  try {
    return text(fileURLToPath(value))
  } catch {
    return WRONG
  }
}

export const signalName: Parser = (value) =>
  typeof value === 'string' && value in os.constants.signals ? value : WRONG

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

export const stream: Parser = (value) => (has(value, 'write', 'on') ? value : WRONG)

export const loggerLike: Parser = (value) => (has(value, 'info', 'warn', 'error', 'debug') ? value : WRONG)

export const portNumber: Parser = (value) =>
  typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 65_535 ? value : WRONG

export const whereToListen: Parser = (value) => {
  if (value === null || value === 'socket' || value === 'port') return value
  if (typeof value === 'number') return portNumber(value)
  return has(value, 'allocate', 'release') ? value : WRONG
}

export const readiness: Parser = (value) => {
  if (typeof value === 'function') return value
  if (value === 'listen' || value === 'spawn' || value === 'message') return value
  if (typeof value !== 'object' || value === null || Object.keys(value).length !== 1) return WRONG
  const { http, output } = value as { http?: unknown; output?: unknown }
  if (typeof http === 'string' && /^\/[^\s]*$/.test(http) && output === undefined)
    return Object.freeze({ http })
  if (output instanceof RegExp && http === undefined) return Object.freeze({ output })
  return WRONG
}

export const listOf =
  (parse: Parser): Parser =>
  (value) => {
    if (!Array.isArray(value)) return WRONG
    // A hole in the list is as wrong as any other entry, so it must not be skipped.
    const items = Array.from(value, (item) => parse(item))
    return items.includes(WRONG) ? WRONG : Object.freeze(items)
  }

export const checkLike: Parser = (value) => {
  if (!has(value, 'run')) return WRONG
  const { name, interval, retries, run } = value as Check
  const parsed = { name: text(name), interval: seconds(0.001)(interval), retries: wholeFrom(1)(retries) }
  if (Object.values(parsed).includes(WRONG)) return WRONG
  const bound: Check['run'] = (...given) => run.call(value as Check, ...given)
  return Object.freeze({ ...parsed, run: bound })
}

/** Each check has a name of its own. */
export const checkList: Parser = (value) => {
  const checks = listOf(checkLike)(value)
  if (checks === WRONG) return WRONG
  const names = new Set((checks as readonly Check[]).map(({ name }) => name))
  return names.size === (checks as readonly Check[]).length ? checks : WRONG
}

export const pluginLike: Parser = (value) => {
  if (typeof value !== 'object' || value === null) return WRONG
  const plugin = value as Record<string, unknown>
  const hooks = ['setup', 'ready', 'drain', 'gone', 'close']
  const well = hooks.every((hook) => plugin[hook] === undefined || typeof plugin[hook] === 'function')
  return well && text(plugin['name']) !== WRONG ? value : WRONG
}

const pathList: Parser = (value) => {
  const paths = typeof value === 'string' ? [value] : value
  const parsed = textList(paths)
  return parsed === WRONG || (parsed as readonly string[]).length === 0 || (parsed as string[]).includes('')
    ? WRONG
    : parsed
}

const MONITOR_KEYS = new Set(['paths', 'ignore', 'debounce'])

export const monitored: Parser = (value) => {
  if (typeof value === 'string' || Array.isArray(value)) return monitored({ paths: value })
  if (typeof value !== 'object' || value === null) return WRONG
  if (Object.keys(value).some((key) => !MONITOR_KEYS.has(key))) return WRONG
  const { paths, ignore = [], debounce = 0.1 } = value as Record<string, unknown>
  const ignored: unknown[] = Array.isArray(ignore) ? [...ignore] : [ignore]
  const parsed = { paths: pathList(paths), ignore: ignored, debounce: seconds(0)(debounce) }
  const well = ignored.every((entry) => entry instanceof RegExp || text(entry) !== WRONG)
  if (!well || parsed.paths === WRONG || parsed.debounce === WRONG) return WRONG
  return Object.freeze(parsed) as MonitorSettings
}
