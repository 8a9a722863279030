import path from 'node:path'
import * as values from '../options/parsers.ts'
import { type Parser, WRONG } from '../options/parsers.ts'
import { invalid, type Row, readWithDefaults, required, row, SECONDS } from '../options/read.ts'
import type { Address, Child } from '../types/child.ts'
import type { Duration } from '../types/options.ts'
import { statementsOf } from './conf/parser.ts'

/**
 * Which children belong to an upstream: the name of a child or of a pool (`'renderer'` is `renderer` itself and
 * `renderer-0`, `renderer-1`, …), several of these, a pattern for names, or a function.
 */
export type Belongs = string | readonly string[] | RegExp | ((child: Child) => boolean)

/** What {@link nginx} takes. */
export interface NginxOptions {
  /** Name of the `upstream` block: letters, digits, `_`, `-` and `.`. */
  readonly upstream: string
  /**
   * The file that is written. With `mode: 'include'` a file of its own, to be included in the `http` block of nginx's
   * configuration; with `mode: 'block'` a configuration that holds the `upstream` block.
   */
  readonly file: string | URL
  /**
   * `'include'` (the default): the whole `upstream` block is written, and nothing else is in the file. `'block'`: only
   * the `server` lines of the block are written, and every other byte of the file stays.
   */
  readonly mode?: 'include' | 'block'
  /** Which children belong to the upstream. Default: all that have an address. */
  readonly children?: Belongs | null
  /** The program and what it always gets: `['nginx', '-p', '/srv/nginx']`. Default: `['nginx']`. */
  readonly command?: readonly string[]
  /** nginx's main configuration, given as `-c`. Default: the one that nginx itself takes. */
  readonly config?: string | null
  /** Whether `nginx -t` must accept what was written, or another command that says so. Default: `true`. */
  readonly test?: boolean | readonly string[]
  /** Whether nginx is told to reload by a SIGHUP, or by another command. Default: `true`. */
  readonly reload?: boolean | readonly string[]
  /** The file with the pid of nginx's master. Default: what nginx and its configuration say. */
  readonly pid?: string | null
  /** Seconds between the moment at which no worker of nginx knows a child any more and its end. Default: 0. */
  readonly grace?: Duration
  /**
   * What stands behind each address: `'max_fails=0'` by default, so that one refused connection does not keep nginx
   * away from a child that is back after a moment.
   */
  readonly params?: string
  /** Other directives of the block, with `mode: 'include'`: `['least_conn', 'keepalive 16']`. Default: none. */
  readonly directives?: readonly string[]
  /** Whom nginx asks when no child answers: the path of a socket, or a port on loopback. Default: nobody. */
  readonly backup?: Address | null
  /** Seconds without a further change after which the file is written. Default: 0.1. */
  readonly debounce?: Duration
  /** Seconds that a command of nginx, and a reload, may take. Default: 10. */
  readonly timeout?: Duration
}

/** Options read, with all that was left out. Durations are seconds. */
export interface NginxSettings extends Required<Omit<NginxOptions, 'file' | 'directives'>> {
  readonly file: string
  /** Each with its semicolon. */
  readonly directives: readonly string[]
  readonly children: Belongs | null
  readonly grace: number
  readonly debounce: number
  readonly timeout: number
}

const matching =
  (pattern: RegExp): Parser =>
  (value) =>
    typeof value === 'string' && pattern.test(value) ? value : WRONG

const upstreamName = matching(/^[A-Za-z_][\w.-]{0,99}$/)
const parameter = /^[a-z_]+(?:=[\w.:-]+)?$/
const parameters: Parser = (value) =>
  typeof value === 'string' && (value === '' || value.split(' ').every((one) => parameter.test(one)))
    ? value
    : WRONG

const absolute: Parser = (value) => {
  const given = values.folder(value)
  return given === WRONG ? WRONG : path.resolve(given as string)
}

const command: Parser = (value) => {
  const list = values.textList(value)
  return list === WRONG || (list as string[]).length === 0 || (list as string[])[0] === '' ? WRONG : list
}

const switchOrCommand: Parser = (value) => (typeof value === 'boolean' ? value : command(value))

const belongs: Parser = (value) => {
  if (value instanceof RegExp || typeof value === 'function') return value
  return Array.isArray(value) ? values.textList(value) : values.text(value)
}

/** What could close the block, or hold another one, is refused here already. */
const directive: Parser = (value) => {
  if (typeof value !== 'string' || /[\n\r#]/.test(value)) return WRONG
  const text = value.trim().replace(/;$/, '')
  try {
    const [only, ...more] = statementsOf(`${text};`)
    const isWell = only && more.length === 0 && !only.block && /^[a-z_]+$/.test(only.words[0] ?? '')
    return isWell && only.words[0] !== 'server' ? `${text};` : WRONG
  } catch {
    return WRONG
  }
}

const backup: Parser = (value) =>
  typeof value === 'string' && value.startsWith('/') ? values.text(value) : values.portNumber(value)

const ARGV = 'an array of a program and its arguments'

const ROWS: Readonly<Record<keyof NginxSettings, Row>> = {
  upstream: required(upstreamName, 'the name of the upstream: letters, digits, `_`, `-` and `.`'),
  file: required(absolute, 'the path of the file that holds the upstream'),
  mode: row(values.oneOf('include', 'block'), "'include' or 'block'", 'include'),
  children: row(
    values.orNull(belongs),
    'the name of a child or a pool, an array of names, a RegExp, a function, or null for all',
    null,
  ),
  command: row(command, ARGV, ['nginx']),
  config: row(values.orNull(absolute), "the path of nginx's main configuration, or null", null),
  test: row(switchOrCommand, `true, false, or ${ARGV}`, true),
  reload: row(switchOrCommand, `true, false, or ${ARGV}`, true),
  pid: row(values.orNull(absolute), 'the path of the file with the pid of nginx, or null', null),
  grace: row(values.seconds(0), SECONDS, 0),
  params: row(
    parameters,
    "parameters of a `server` line with one space between them, such as 'weight=2 max_fails=0'",
    'max_fails=0',
  ),
  directives: row(
    values.listOf(directive),
    "an array of single directives of an upstream block, such as ['least_conn', 'keepalive 16']",
    [],
  ),
  backup: row(values.orNull(backup), 'the absolute path of a socket, a port number, or null', null),
  debounce: row(values.seconds(0), SECONDS, 0.1),
  timeout: row(values.seconds(0.001), `more than 0 ${SECONDS}`, 10),
}

/** Reads what was given to `nginx()`; throws one error that says all that is wrong. */
export function readNginxOptions(given: unknown): NginxSettings {
  const settings = readWithDefaults<NginxSettings>(given, ROWS, { by: 'nginx()' })
  if (settings.mode === 'block' && settings.directives.length > 0) {
    const why = "`directives` are written with `mode: 'include'` only; with 'block' they stand in your file"
    throw invalid([why], 'nginx()')
  }
  return settings
}

/** The same for plugins that write for the same nginx in the same way. */
export const keyOf = ({ command, config, test, reload, pid, debounce, timeout }: NginxSettings): string =>
  JSON.stringify([command, config, test, reload, pid, debounce, timeout])

/** Whether a child belongs to an upstream. What a function of the user's throws is thrown. */
export function isMember(child: Child, belongs: Belongs | null): boolean {
  if (belongs === null) return true
  if (typeof belongs === 'function') return belongs(child) === true
  // A pattern that remembers where it was would match every second time.
  if (belongs instanceof RegExp)
    return new RegExp(belongs.source, belongs.flags.replace(/[gy]/g, '')).test(child.name)
  const names = typeof belongs === 'string' ? [belongs] : belongs
  return names.some((name) => child.name === name || isOfPool(child.name, name))
}

const isOfPool = (child: string, pool: string): boolean =>
  child.startsWith(`${pool}-`) && /^\d+$/.test(child.slice(pool.length + 1))
