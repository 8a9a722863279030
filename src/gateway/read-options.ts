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

/** Options of a gateway after validation. */
export interface GatewaySettings {
  /** Rules for requests whose child a function chooses. Routes of a table have their own. */
  readonly rules: Rules
  readonly routes: RouteTable | Chooser
  readonly queue: number
  /** In seconds. */
  readonly wait: number
  readonly trust: Trust | null
  readonly showReasons: boolean
  /** In seconds. */
  readonly drainTimeout: number
  readonly logger: Logger | null
}

/** Options of `listen()` after validation. Durations are in seconds. */
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

/**
 * Prefixes that can be compared with the path of a request without decoding: no query, no `.` and `..`, no empty segments.
 * Excludes `*` too, because a prefix is not a pattern.
 */
const PREFIX = /^(?:\/(?!\.{1,2}(?:\/|$))[\x21\x22\x24\x26-\x29\x2b-\x2e\x30-\x3e\x40-\x7e]+)+\/?$/
const prefix: Parser = (value) => {
  if (value === '/') return ''
  return typeof value === 'string' && PREFIX.test(value) ? value.replace(/\/$/, '') : INVALID
}

const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9a-z-]+$/i
const header: Parser = (value) => {
  if (typeof value !== 'object' || value === null) return INVALID
  const { name, value: expected, ...rest } = value as Record<string, unknown>
  if (typeof name !== 'string' || !HEADER_NAME.test(name) || Object.keys(rest).length > 0) return INVALID
  if (expected !== undefined && typeof expected !== 'string') return INVALID
  return Object.freeze({ name: name.toLowerCase(), value: expected ?? null })
}

const pattern: Parser = (value) =>
  value instanceof RegExp || (typeof value === 'string' && value.startsWith('/')) ? value : INVALID

const RULES: Readonly<Record<keyof Rules, OptionSpec>> = {
  websocket: option(values.oneOf('keep', 'ignore'), "'keep' or 'ignore'", 'keep'),
  ignore: option(
    values.listOf(pattern),
    "an array of paths such as '/healthz' and '/hmr/*', or of regular expressions",
    [],
  ),
  waitingPage: option(values.boolean, 'true or false', false),
  maxBody: option(
    values.orNull(values.bytes(0)),
    "bytes as a number, or a string such as '10MB'; null for no limit",
    null,
  ),
  answerTimeout: option(values.secondsOrOff, `${SECONDS}; -1 or null for no limit`, 300),
}

const routeSpecs = (defaults: Defaults): Readonly<Record<string, OptionSpec>> => ({
  ...RULES,
  host: option(hostName, "a host name, or '*.' followed by a host name"),
  path: option(
    prefix,
    "a path such as '/docs', which also matches all paths below it, without a query or '*'",
  ),
  strip: option(values.boolean, 'true or false', false),
  header: option(header, '{ name, value } or { name }, with strings'),
  to: required(destinationParser(defaults), 'the name of a child, the options of a child, or a function'),
})

/** Specs of the options of a route. */
export const ROUTE_OPTIONS: Readonly<Record<string, OptionSpec>> = routeSpecs({})

const tableOrFunction: Parser = (value) =>
  typeof value === 'function' || Array.isArray(value) ? value : INVALID

const proxies: Parser = (value) => {
  const entries = values.stringList(value)
  return entries === INVALID || readTrust(entries as string[]) === undefined ? INVALID : entries
}

/** Specs of the options of a gateway. */
export const GATEWAY_OPTIONS: Readonly<Record<string, OptionSpec>> = {
  ...RULES,
  routes: required(tableOrFunction, 'an array of routes, or a function'),
  hosts: option(values.listOf(allowedHost), "an array of host names, or ['*']", null),
  queue: option(values.integerFrom(1), 'an integer >= 1', 512),
  wait: option(values.seconds(0.001), `more than 0 ${SECONDS}`, 30),
  trustProxy: option(
    proxies,
    "an array of addresses, networks such as '10.0.0.0/8', 'loopback' or 'unix'",
    [],
  ),
  showReasons: option(values.boolean, 'true or false', true),
  drainTimeout: option(values.seconds(0), SECONDS, 30),
  logger: option(values.orNull(values.loggerLike), 'an object with info, warn, error and debug, or null'),
}

/** Specs of the options of `listen()`. */
export const LISTEN_OPTIONS: Readonly<Record<keyof ListenSettings, OptionSpec>> = {
  port: option(portNumber, 'a port number from 0 to 65535', 0),
  host: option(values.string, 'a host name or an address', null),
  path: option(values.string, 'the path of a unix socket', null),
  maxConnections: option(values.integerFrom(1), 'an integer >= 1', 1_024),
  headersTimeout: option(values.seconds(0.001), `more than 0 ${SECONDS}`, 15),
  requestTimeout: option(values.seconds(0), SECONDS, 120),
}

function portNumber(value: unknown): unknown {
  const parsed = values.integerFrom(0)(value)
  return parsed !== INVALID && (parsed as number) <= 65_535 ? parsed : INVALID
}

/** Reads the options of `listen()`. Throws `ERR_SPINNER_INVALID_OPTION`. */
export function readListen(given: unknown): ListenSettings {
  const settings = readWithDefaults<ListenSettings>(given, LISTEN_OPTIONS, { caller: 'listen()' })
  if (settings.path !== null && (settings.host !== null || settings.port !== 0))
    throw invalid(['`path` is a unix socket; give either `path`, or `port` and `host`'], 'listen()')
  return settings
}

/** Reads the options of `createGateway`. `defaults` are those of its spinner. Throws `ERR_SPINNER_INVALID_OPTION`. */
export function readGateway(given: unknown, defaults: Defaults = {}): GatewaySettings {
  const read = readWithDefaults<Record<string, unknown>>(given, GATEWAY_OPTIONS, {
    caller: 'createGateway()',
  })
  const { routes, hosts, trustProxy, ...rest } = read
  const logger = rest['logger'] === undefined ? loggerOf(defaults) : rest['logger']
  const rules = rulesOf(read)
  const isTable = typeof routes !== 'function'
  const table = isTable ? readTable(routes as unknown[], { rules, hosts, defaults }) : (routes as Chooser)
  const trust = readTrust(trustProxy as string[]) ?? null
  return Object.freeze({ ...rest, logger, rules, routes: table, trust }) as unknown as GatewaySettings
}

/** Returns the logger of the spinner, which is the default. */
const loggerOf = (defaults: Defaults): unknown =>
  defaults['logger'] === undefined ? console : defaults['logger']

const rulesOf = (read: Readonly<Record<string, unknown>>): Rules =>
  Object.freeze(Object.fromEntries(Object.keys(RULES).map((key) => [key, read[key]]))) as unknown as Rules

function readTable(
  routes: readonly unknown[],
  { defaults, hosts, rules }: { rules: Rules; hosts: unknown; defaults: Defaults },
): RouteTable {
  const specs = routeSpecs(defaults)
  const read = routes.map((route, at) => readRoute(route, at, rules, specs))
  requireSameOptions(read, defaults)
  return newRouteTable(read, hosts as string[] | null, (twin) => {
    const at = read.indexOf(twin)
    throw invalid(
      [`\`routes[${at}]\` matches the same requests as an earlier route; remove one of them`],
      'createGateway()',
    )
  })
}

function readRoute(
  given: unknown,
  at: number,
  rules: Rules,
  specs: Readonly<Record<string, OptionSpec>>,
): RouteSettings {
  try {
    const read = readOptions(given, specs)
    const hasOwnRules = Object.keys(RULES).some((key) => Object.hasOwn(read, key))
    return Object.freeze({
      host: (read['host'] as string | undefined) ?? null,
      prefix: (read['path'] as string | undefined) ?? '',
      strip: read['strip'] === true,
      header: (read['header'] as RouteSettings['header'] | undefined) ?? null,
      to: read['to'] as Destination | Chooser,
      rules: hasOwnRules ? rulesOf({ ...rules, ...read }) : rules,
    })
  } catch (thrown) {
    const message = thrown instanceof SpinnerError ? thrown.message : String(thrown)
    throw invalid([`\`routes[${at}]\`: ${message.replace(/\.$/, '')}`], 'createGateway()', thrown)
  }
}
