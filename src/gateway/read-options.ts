import { SpinnerError } from '../errors.ts'
import * as values from '../options/parsers.ts'
import { type Parser, WRONG } from '../options/parsers.ts'
import { invalid, type Row, readOptions, readWithDefaults, required, row, SECONDS } from '../options/read.ts'
import type { Logger } from '../types/options.ts'
import { readTrust, type Trust } from './http/forwarded.ts'
import type { Chooser, Destination, Rules } from './options.ts'
import { hostOf } from './routing/host-names.ts'
import { newRouteTable, type ReadRoute, type RouteTable } from './routing/routes.ts'
import { type Defaults, destination, mustAgree } from './routing/targets.ts'

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
  if (typeof value !== 'string') return WRONG
  const host = hostOf(value.startsWith('*.') ? value.slice(2) : value)
  if (host === null) return WRONG
  return value.startsWith('*.') ? `*.${host}` : host
}

const allowedHost: Parser = (value) => (value === '*' ? value : hostName(value))

/** What a path can be compared with as it stands: no query, no dots, no empty segments, and no `*` that is no pattern. */
const PREFIX = /^(?:\/(?!\.{1,2}(?:\/|$))[\x21\x22\x24\x26-\x29\x2b-\x2e\x30-\x3e\x40-\x7e]+)+\/?$/
const prefix: Parser = (value) => {
  if (value === '/') return ''
  return typeof value === 'string' && PREFIX.test(value) ? value.replace(/\/$/, '') : WRONG
}

const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9a-z-]+$/i
const header: Parser = (value) => {
  if (typeof value !== 'object' || value === null) return WRONG
  const { name, value: wanted, ...rest } = value as Record<string, unknown>
  if (typeof name !== 'string' || !HEADER_NAME.test(name) || Object.keys(rest).length > 0) return WRONG
  if (wanted !== undefined && typeof wanted !== 'string') return WRONG
  return Object.freeze({ name: name.toLowerCase(), value: wanted ?? null })
}

const pattern: Parser = (value) =>
  value instanceof RegExp || (typeof value === 'string' && value.startsWith('/')) ? value : WRONG

const RULES: Readonly<Record<keyof Rules, Row>> = {
  websocket: row(values.oneOf('keep', 'ignore'), "'keep' or 'ignore'", 'keep'),
  ignore: row(values.listOf(pattern), "an array of paths such as '/healthz' or '/hmr/*', or patterns", []),
  waitingPage: row(values.flag, 'true or false', false),
  maxBody: row(
    values.orNull(values.bytes(0)),
    "bytes as a number, or a text such as '10MB'; null for no limit",
    null,
  ),
  answerTimeout: row(values.secondsOrOff, `${SECONDS}; -1 or null for never`, 300),
}

const routeRows = (defaults: Defaults): Readonly<Record<string, Row>> => ({
  ...RULES,
  host: row(hostName, "the name of a host, or '*.' and the rest of one"),
  path: row(prefix, "a path such as '/docs', which fits what lies below it too, without a query or '*'"),
  strip: row(values.flag, 'true or false', false),
  header: row(header, '{ name, value }, both texts, or { name } alone'),
  to: required(destination(defaults), 'the name of a child, the options of one, or a function'),
})

/** The options of a route. */
export const ROUTE_OPTIONS: Readonly<Record<string, Row>> = routeRows({})

const tableOrFunction: Parser = (value) =>
  typeof value === 'function' || Array.isArray(value) ? value : WRONG

const proxies: Parser = (value) => {
  const entries = values.textList(value)
  return entries === WRONG || readTrust(entries as string[]) === undefined ? WRONG : entries
}

/** The options of a gateway. */
export const GATEWAY_OPTIONS: Readonly<Record<string, Row>> = {
  ...RULES,
  routes: required(tableOrFunction, 'an array of routes, or a function'),
  hosts: row(values.listOf(allowedHost), "an array of names of hosts, or ['*']", null),
  queue: row(values.wholeFrom(1), 'a whole number from 1', 512),
  wait: row(values.seconds(0.001), `more than 0 ${SECONDS}`, 30),
  trustProxy: row(proxies, "an array of addresses, networks such as '10.0.0.0/8', 'loopback' and 'unix'", []),
  showReasons: row(values.flag, 'true or false', true),
  drainTimeout: row(values.seconds(0), SECONDS, 30),
  logger: row(values.orNull(values.loggerLike), 'an object with info, warn, error and debug, or null'),
}

/** Where a gateway listens. */
export const LISTEN_OPTIONS: Readonly<Record<keyof ListenSettings, Row>> = {
  port: row(portNumber, 'a port number from 0 to 65535', 0),
  host: row(values.text, 'the name or address of a host', null),
  path: row(values.text, 'the path of a unix socket', null),
  maxConnections: row(values.wholeFrom(1), 'a whole number from 1', 1_024),
  headersTimeout: row(values.seconds(0.001), `more than 0 ${SECONDS}`, 15),
  requestTimeout: row(values.seconds(0), SECONDS, 120),
}

function portNumber(value: unknown): unknown {
  const parsed = values.wholeFrom(0)(value)
  return parsed !== WRONG && (parsed as number) <= 65_535 ? parsed : WRONG
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
  mustAgree(read, defaults)
  return newRouteTable(read, hosts as string[] | null, (twin) => {
    const at = read.indexOf(twin)
    throw invalid(
      [`\`routes[${at}]\` fits the very same requests as one before it; take one of them out`],
      'createGateway()',
    )
  })
}

function readRoute(given: unknown, at: number, rules: Rules, rows: Readonly<Record<string, Row>>): ReadRoute {
  try {
    const read = readOptions(given, rows)
    const own = Object.keys(RULES).some((key) => Object.hasOwn(read, key))
    return Object.freeze({
      host: (read['host'] as string | undefined) ?? null,
      prefix: (read['path'] as string | undefined) ?? '',
      strip: read['strip'] === true,
      header: (read['header'] as ReadRoute['header'] | undefined) ?? null,
      to: read['to'] as Destination | Chooser,
      rules: own ? pick({ ...rules, ...read }) : rules,
    })
  } catch (thrown) {
    const said = thrown instanceof SpinnerError ? thrown.message : String(thrown)
    throw invalid([`\`routes[${at}]\`: ${said.replace(/\.$/, '')}`], 'createGateway()', thrown)
  }
}
