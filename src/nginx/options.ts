import path from 'node:path'
import * as values from '../options/parsers.ts'
import { INVALID, type Parser } from '../options/parsers.ts'
import { invalid, type OptionSpec, option, readWithDefaults, required, SECONDS } from '../options/read.ts'
import type { Address, Child } from '../types/child.ts'
import type { Duration } from '../types/options.ts'
import { parseConf } from './conf/parser.ts'

/**
 * Selects the children of an upstream: the name of a child or of a pool (`'renderer'` matches `renderer` itself and
 * `renderer-0`, `renderer-1`, …), an array of such names, a regular expression for names, or a function.
 */
export type Members = string | readonly string[] | RegExp | ((child: Child) => boolean)

/** Options of {@link nginx}. */
export interface NginxOptions {
  /** Name of the `upstream` block: letters, digits, `_`, `-` and `.`. */
  readonly upstream: string
  /**
   * File to write. With `mode: 'include'`, a separate file that the `http` block of nginx's configuration includes. With
   * `mode: 'block'`, a configuration that contains the `upstream` block.
   */
  readonly file: string | URL
  /**
   * `'include'` (the default): spinner writes the whole `upstream` block, and the file contains nothing else. `'block'`:
   * spinner writes only the `server` lines of the block, and every other byte of the file stays the same.
   */
  readonly mode?: 'include' | 'block'
  /** Children of the upstream. Default: all children that have an address. */
  readonly children?: Members | null
  /** nginx program and the arguments of every call: `['nginx', '-p', '/srv/nginx']`. Default: `['nginx']`. */
  readonly command?: readonly string[]
  /** Main configuration of nginx, passed as `-c`. Default: the built-in path of nginx. */
  readonly config?: string | null
  /** Whether `nginx -t` must accept the written file, or another command that tests it. Default: `true`. */
  readonly test?: boolean | readonly string[]
  /** Whether nginx is reloaded with a SIGHUP, or another command that reloads it. Default: `true`. */
  readonly reload?: boolean | readonly string[]
  /** File with the pid of the nginx master process. Default: the file that nginx and its configuration name. */
  readonly pid?: string | null
  /** Seconds to wait after no nginx worker uses a child any more, before the child is ended. Default: 0. */
  readonly grace?: Duration
  /**
   * Parameters of each `server` line. Default: `'max_fails=0'`, so that nginx does not avoid a child after one refused
   * connection: the child may be back a moment later.
   */
  readonly params?: string
  /** Further directives of the `upstream` block, such as `['least_conn', 'keepalive 16']`. Only with `mode: 'include'`. Default: none. */
  readonly directives?: readonly string[]
  /** Server that nginx uses if no child answers: the path of a socket, or a port on loopback. Default: none. */
  readonly backup?: Address | null
  /** Seconds without a further change before spinner writes the file. Default: 0.1. */
  readonly debounce?: Duration
  /** Maximum seconds for an nginx command, and for a reload. Default: 10. */
  readonly timeout?: Duration
}

/** Options after validation, complete. Durations are in seconds. */
export interface NginxSettings extends Required<Omit<NginxOptions, 'file' | 'directives'>> {
  readonly file: string
  /** Each ends with its semicolon. */
  readonly directives: readonly string[]
  readonly children: Members | null
  readonly grace: number
  readonly debounce: number
  readonly timeout: number
}

const matching =
  (pattern: RegExp): Parser =>
  (value) =>
    typeof value === 'string' && pattern.test(value) ? value : INVALID

const upstreamName = matching(/^[A-Za-z_][\w.-]{0,99}$/)
const parameter = /^[a-z_]+(?:=[\w.:-]+)?$/
const parameters: Parser = (value) =>
  typeof value === 'string' && (value === '' || value.split(' ').every((one) => parameter.test(one)))
    ? value
    : INVALID

const absolute: Parser = (value) => {
  const given = values.directory(value)
  return given === INVALID ? INVALID : path.resolve(given as string)
}

const command: Parser = (value) => {
  const list = values.stringList(value)
  return list === INVALID || (list as string[]).length === 0 || (list as string[])[0] === '' ? INVALID : list
}

const switchOrCommand: Parser = (value) => (typeof value === 'boolean' ? value : command(value))

const members: Parser = (value) => {
  if (value instanceof RegExp || typeof value === 'function') return value
  return Array.isArray(value) ? values.stringList(value) : values.string(value)
}

/** Accepts one plain directive; rejects text that could close the block or contain another one. */
const directive: Parser = (value) => {
  if (typeof value !== 'string' || /[\n\r#]/.test(value)) return INVALID
  const text = value.trim().replace(/;$/, '')
  try {
    const [only, ...more] = parseConf(`${text};`)
    const isSingle = only && more.length === 0 && !only.block && /^[a-z_]+$/.test(only.words[0] ?? '')
    return isSingle && only.words[0] !== 'server' ? `${text};` : INVALID
  } catch {
    return INVALID
  }
}

const backup: Parser = (value) =>
  typeof value === 'string' && value.startsWith('/') ? values.string(value) : values.portNumber(value)

const ARGV = 'an array of a program and its arguments'

const NGINX_OPTIONS: Readonly<Record<keyof NginxSettings, OptionSpec>> = {
  upstream: required(upstreamName, 'the name of the upstream: letters, digits, `_`, `-` and `.`'),
  file: required(absolute, 'the path of the file that holds the upstream'),
  mode: option(values.oneOf('include', 'block'), "'include' or 'block'", 'include'),
  children: option(
    values.orNull(members),
    'the name of a child or a pool, an array of names, a RegExp, a function, or null for all',
    null,
  ),
  command: option(command, ARGV, ['nginx']),
  config: option(values.orNull(absolute), "the path of nginx's main configuration, or null", null),
  test: option(switchOrCommand, `true, false, or ${ARGV}`, true),
  reload: option(switchOrCommand, `true, false, or ${ARGV}`, true),
  pid: option(values.orNull(absolute), 'the path of the file with the pid of nginx, or null', null),
  grace: option(values.seconds(0), SECONDS, 0),
  params: option(
    parameters,
    "parameters of a `server` line with one space between them, such as 'weight=2 max_fails=0'",
    'max_fails=0',
  ),
  directives: option(
    values.listOf(directive),
    "an array of single directives of an upstream block, such as ['least_conn', 'keepalive 16']",
    [],
  ),
  backup: option(values.orNull(backup), 'the absolute path of a socket, a port number, or null', null),
  debounce: option(values.seconds(0), SECONDS, 0.1),
  timeout: option(values.seconds(0.001), `more than 0 ${SECONDS}`, 10),
}

/** Validates the options of `nginx()`; throws one error that lists all problems. */
export function readNginxOptions(given: unknown): NginxSettings {
  const settings = readWithDefaults<NginxSettings>(given, NGINX_OPTIONS, { caller: 'nginx()' })
  if (settings.mode === 'block' && settings.directives.length > 0) {
    const problem = "`directives` need `mode: 'include'`; with `mode: 'block'`, write them into your file"
    throw invalid([problem], 'nginx()')
  }
  return settings
}

/** Returns a key that is the same for plugins that write for the same nginx in the same way. */
export const nginxKey = ({ command, config, test, reload, pid, debounce, timeout }: NginxSettings): string =>
  JSON.stringify([command, config, test, reload, pid, debounce, timeout])

/** Returns whether a child belongs to an upstream. Rethrows the errors of a user's function. */
export function isMember(child: Child, selected: Members | null): boolean {
  if (selected === null) return true
  if (typeof selected === 'function') return selected(child) === true
  // Drop the flags g and y, because a stateful pattern would match only every second time.
  if (selected instanceof RegExp)
    return new RegExp(selected.source, selected.flags.replace(/[gy]/g, '')).test(child.name)
  const names = typeof selected === 'string' ? [selected] : selected
  return names.some((name) => child.name === name || isInPool(child.name, name))
}

const isInPool = (child: string, pool: string): boolean =>
  child.startsWith(`${pool}-`) && /^\d+$/.test(child.slice(pool.length + 1))
