import { SpinnerError } from '../errors.ts'
import * as values from '../options/parsers.ts'
import { INVALID, type Parser } from '../options/parsers.ts'
import {
  invalid,
  type OptionSpec,
  option,
  readOptions,
  readWithDefaults,
  required,
  SECONDS,
} from '../options/read.ts'
import type { Logger } from '../types/options.ts'
import { readTrust, type Trust } from './http/forwarded.ts'
import type { Chooser, Destination, Rules } from './options.ts'
import { hostOf } from './routing/host-names.ts'
import { newRouteTable, type RouteSettings, type RouteTable } from './routing/routes.ts'
import { type Defaults, destinationParser, requireSameOptions } from './routing/targets.ts'

/** The options of a gateway after validation. */
export interface GatewaySettings {
  /** For the requests of a function; those of a table have their own. */
  readonly rules: Rules
  readonly routes: RouteTable | Chooser
  readonly queue: number
  readonly wait: number
  readonly trust: Trust | null
  readonly showReasons: boolean
  readonly drainTimeout: number
  readonly logger: Logger | null
}

/** Where a gateway listens, after validation. */
export interface ListenSettings {
  readonly port: number
  readonly host: string | null
  readonly path: string | null
  readonly maxConnections: number
  readonly headersTimeout: number
  readonly requestTimeout: number
}

const hostName: Parser = (value) => {
  if (typeof value !== 'string') return INVALID
  const host = hostOf(value.startsWith('*.') ? value.slice(2) : value)
  if (host === null) return INVALID
  return value.startsWith('*.') ? `*.${host}` : host
}

const allowedHost: Parser = (value) => (value === '*' ? value : hostName(value))

/** What a path can be compared with as it stands: no query, no dots, no empty segments, and no `*` that is no pattern. */
const PREFIX = /^(?:\/(?!\.{1,2}(?:\/|$))[\x21\x22\x24\x26-\x29\x2b-\x2e\x30-\x3e\x40-\x7e]+)+\/?$/
const prefix: Parser = (value) => {
  if (value === '/') return ''
  return typeof value === 'string' && PREFIX.test(value) ? value.replace(/\/$/, '') : INVALID
}

const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9a-z-]+$/i
const header: Parser = (value) => {
  if (typeof value !== 'object' || value === null) return INVALID
  const { name, value: wanted, ...rest } = value as Record<string, unknown>
  if (typeof name !== 'string' || !HEADER_NAME.test(name) || Object.keys(rest).length > 0) return INVALID
  if (wanted !== undefined && typeof wanted !== 'string') return INVALID
  return Object.freeze({ name: name.toLowerCase(), value: wanted ?? null })
}

const pattern: Parser = (value) =>
  value instanceof RegExp || (typeof value === 'string' && value.startsWith('/')) ? value : INVALID

const RULES: Readonly<Record<keyof Rules, OptionSpec>> = {
  websocket: option(values.oneOf('keep', 'ignore'), "'keep' or 'ignore'", 'keep'),
  ignore: option(values.listOf(pattern), "an array of paths such as '/healthz' or '/hmr/*', or patterns", []),
  waitingPage: option(values.boolean, 'true or false', false),
  maxBody: option(
    values.orNull(values.bytes(0)),
    "bytes as a number, or a text such as '10MB'; null for no limit",
    null,
  ),
  answerTimeout: option(values.secondsOrOff, `${SECONDS}; -1 or null for never`, 300),
}

const routeRows = (defaults: Defaults): Readonly<Record<string, OptionSpec>> => ({
  ...RULES,
  host: option(hostName, "the name of a host, or '*.' and the rest of one"),
  path: option(prefix, "a path such as '/docs', which fits what lies below it too, without a query or '*'"),
  strip: option(values.boolean, 'true or false', false),
  header: option(header, '{ name, value }, both texts, or { name } alone'),
  to: required(destinationParser(defaults), 'the name of a child, the options of one, or a function'),
})

/** The options of a route. */
export const ROUTE_OPTIONS: Readonly<Record<string, OptionSpec>> = routeRows({})

const tableOrFunction: Parser = (value) =>
  typeof value === 'function' || Array.isArray(value) ? value : INVALID

const proxies: Parser = (value) => {
  const entries = values.stringList(value)
  return entries === INVALID || readTrust(entries as string[]) === undefined ? INVALID : entries
}

/** The options of a gateway. */
export const GATEWAY_OPTIONS: Readonly<Record<string, OptionSpec>> = {
  ...RULES,
  routes: required(tableOrFunction, 'an array of routes, or a function'),
  hosts: option(values.listOf(allowedHost), "an array of names of hosts, or ['*']", null),
  queue: option(values.integerFrom(1), 'a whole number from 1', 512),
  wait: option(values.seconds(0.001), `more than 0 ${SECONDS}`, 30),
  trustProxy: option(
    proxies,
    "an array of addresses, networks such as '10.0.0.0/8', 'loopback' and 'unix'",
    [],
  ),
  showReasons: option(values.boolean, 'true or false', true),
  drainTimeout: option(values.seconds(0), SECONDS, 30),
  logger: option(values.orNull(values.loggerLike), 'an object with info, warn, error and debug, or null'),
}

/** Where a gateway listens. */
export const LISTEN_OPTIONS: Readonly<Record<keyof ListenSettings, OptionSpec>> = {
  port: option(portNumber, 'a port number from 0 to 65535', 0),
  host: option(values.string, 'the name or address of a host', null),
  path: option(values.string, 'the path of a unix socket', null),
  maxConnections: option(values.integerFrom(1), 'a whole number from 1', 1_024),
  headersTimeout: option(values.seconds(0.001), `more than 0 ${SECONDS}`, 15),
  requestTimeout: option(values.seconds(0), SECONDS, 120),
}

function portNumber(value: unknown): unknown {
  const parsed = values.integerFrom(0)(value)
  return parsed !== INVALID && (parsed as number) <= 65_535 ? parsed : INVALID
}

/** Reads what was given to `listen()`. */
export function readListen(given: unknown): ListenSettings {
  const settings = readWithDefaults<ListenSettings>(given, LISTEN_OPTIONS, { by: 'listen()' })
  if (settings.path !== null && (settings.host !== null || settings.port !== 0))
    throw invalid(['`path` is a unix socket, so neither `port` nor `host` can be given with it'], 'listen()')
  return settings
}

/** Reads what was given to `createGateway`; `defaults` are those of its spinner. */
export function readGateway(given: unknown, defaults: Defaults = {}): GatewaySettings {
  const read = readWithDefaults<Record<string, unknown>>(given, GATEWAY_OPTIONS, { by: 'createGateway()' })
  const { routes, hosts, trustProxy, ...rest } = read
  const logger = rest['logger'] === undefined ? loggerOf(defaults) : rest['logger']
  const rules = pick(read)
  const isTable = typeof routes !== 'function'
  const table = isTable ? readTable(routes as unknown[], { rules, hosts, defaults }) : (routes as Chooser)
  const trust = readTrust(trustProxy as string[]) ?? null
  return Object.freeze({ ...rest, logger, rules, routes: table, trust }) as unknown as GatewaySettings
}

/** The gateway speaks where its spinner does. */
const loggerOf = (defaults: Defaults): unknown =>
  defaults['logger'] === undefined ? console : defaults['logger']

const pick = (read: Readonly<Record<string, unknown>>): Rules =>
  Object.freeze(Object.fromEntries(Object.keys(RULES).map((key) => [key, read[key]]))) as unknown as Rules

function readTable(
  routes: readonly unknown[],
  { defaults, hosts, rules }: { rules: Rules; hosts: unknown; defaults: Defaults },
): RouteTable {
  const rows = routeRows(defaults)
  const read = routes.map((route, at) => readRoute(route, at, rules, rows))
  requireSameOptions(read, defaults)
  return newRouteTable(read, hosts as string[] | null, (twin) => {
    const at = read.indexOf(twin)
    throw invalid(
      [`\`routes[${at}]\` fits the very same requests as one before it; take one of them out`],
      'createGateway()',
    )
  })
}

function readRoute(
  given: unknown,
  at: number,
  rules: Rules,
  rows: Readonly<Record<string, OptionSpec>>,
): RouteSettings {
  try {
    const read = readOptions(given, rows)
    const own = Object.keys(RULES).some((key) => Object.hasOwn(read, key))
    return Object.freeze({
      host: (read['host'] as string | undefined) ?? null,
      prefix: (read['path'] as string | undefined) ?? '',
      strip: read['strip'] === true,
      header: (read['header'] as RouteSettings['header'] | undefined) ?? null,
      to: read['to'] as Destination | Chooser,
      rules: own ? pick({ ...rules, ...read }) : rules,
    })
  } catch (thrown) {
    const said = thrown instanceof SpinnerError ? thrown.message : String(thrown)
    throw invalid([`\`routes[${at}]\`: ${said.replace(/\.$/, '')}`], 'createGateway()', thrown)
  }
}
