import { GATEWAY_OPTIONS, LISTEN_OPTIONS, ROUTE_OPTIONS } from '../../gateway/read-options.ts'
import { isRoutableName } from '../../gateway/routing/host-names.ts'
import type { JsonSchema, Parser } from '../../options/parsers.ts'
import { booleanField, optionField, pathField, quotedField, stringField } from './fields.ts'
import type { ConfigIssue, MergedConfig } from './model.ts'
import { type GatewayConfig, memberNames, type Plain, unknownName } from './model.ts'
import type { KeyPath } from './nodes.ts'
import { either, list, type Shape, section } from './schema-kit.ts'

/** Returns the parser of one item, from the parser of the list. */
const itemParser = (key: string): Parser => {
  const { parse } = GATEWAY_OPTIONS[key] as { parse: Parser }
  return (item) => parse([item])
}

const STRING: JsonSchema = { type: 'string' }
const port: Shape = optionField(LISTEN_OPTIONS, 'port', { type: 'integer', minimum: 0 })

const rules: Readonly<Record<string, Shape>> = {
  websocket: optionField(GATEWAY_OPTIONS, 'websocket'),
  ignore: list(quotedField(itemParser('ignore'), "a path such as '/healthz' or '/hmr/*'"), 'a list of paths'),
  waitingPage: booleanField,
  maxBody: optionField(GATEWAY_OPTIONS, 'maxBody'),
  answerTimeout: optionField(GATEWAY_OPTIONS, 'answerTimeout'),
}

/** The address of a gateway, as a map. */
export const listen: Shape = section({
  port,
  host: stringField('a host name or an address'),
  path: pathField,
  maxConnections: optionField(LISTEN_OPTIONS, 'maxConnections'),
  headersTimeout: optionField(LISTEN_OPTIONS, 'headersTimeout'),
  requestTimeout: optionField(LISTEN_OPTIONS, 'requestTimeout'),
})

/** A route of a gateway. */
export const route: Shape = section({
  host: optionField(ROUTE_OPTIONS, 'host', STRING),
  path: optionField(ROUTE_OPTIONS, 'path', STRING),
  strip: booleanField,
  header: section({ name: stringField('the name of a header'), value: stringField('a string') }),
  to: stringField('the name of a child or pool'),
  ...rules,
})

/** The gateway of a file. */
export const gateway: Shape = section({
  listen: either('a port number from 0 to 65535, or a map', port, listen),
  routes: list(route, 'a list of routes'),
  hosts: list(quotedField(itemParser('hosts'), "a host name, or '*' for any"), 'a list of host names'),
  queue: optionField(GATEWAY_OPTIONS, 'queue'),
  wait: optionField(GATEWAY_OPTIONS, 'wait'),
  trustProxy: list(
    quotedField(itemParser('trustProxy'), "an address, a network such as '10.0.0.0/8', 'loopback' or 'unix'"),
    'a list of addresses',
  ),
  showReasons: booleanField,
  drainTimeout: optionField(GATEWAY_OPTIONS, 'drainTimeout'),
  ...rules,
})

/** Converts a validated gateway; `listen` may be a port alone. */
export function gatewayOf({ listen: given, ...options }: Plain): GatewayConfig {
  const listen = typeof given === 'number' ? { port: given } : (given as Plain)
  return { listen, options, remedy: 'choose another for `listen`' }
}

const routesOf = ({ gateway: given }: MergedConfig): readonly Plain[] =>
  (given?.['routes'] as readonly Plain[] | undefined) ?? []

/** Returns the children that a request starts: the targets of routes, without those that are `warm`. */
export function lazyChildren(config: MergedConfig): ReadonlySet<string> {
  const targets = routesOf(config).map(({ to }) => to as string)
  const { children } = config
  return new Set(targets.filter((name) => children.has(name) && !children.get(name)?.['warm']))
}

/** Returns what is missing in the gateway or cannot work. */
export function gatewayIssues(config: MergedConfig): ConfigIssue[] {
  const { gateway: given } = config
  if (given === null) return []
  const path = ['gateway']
  const missing = Object.entries(REQUIRED).filter(([key]) => given[key] === undefined)
  return [
    ...missing.map(([key, hint]) => ({ path, message: `\`gateway\` needs \`${key}\`, ${hint}` })),
    ...listenIssues(given['listen']),
    ...routesOf(config).flatMap((each, index) => routeIssues(each, ['gateway', 'routes', index], config)),
    ...duplicateRoutes(routesOf(config)),
  ]
}

const REQUIRED: Readonly<Record<string, string>> = {
  listen: 'such as a port: 8080',
  routes: 'a list such as [{ host: shop.localhost, to: shop }]',
}

function listenIssues(given: unknown): ConfigIssue[] {
  if (typeof given !== 'object' || given === null) return []
  const { host, path: socket, port } = given as Plain
  const path = ['gateway', 'listen']
  if (socket === undefined && port === undefined)
    return [{ path, message: '`listen` needs a `port`, or the `path` of a unix socket' }]
  if (socket === undefined || (host === undefined && port === undefined)) return []
  return [{ path, message: '`path` is a unix socket; give either `path`, or `port` and `host`' }]
}

function routeIssues({ header, to }: Plain, path: KeyPath, { children, pools }: MergedConfig): ConfigIssue[] {
  const issues: ConfigIssue[] = []
  if (header !== undefined && (header as Plain)['name'] === undefined)
    issues.push({ path: [...path, 'header'], message: '`header` needs a `name`' })
  if (to === undefined)
    return [...issues, { path, message: 'a route needs `to`, the name of a child or pool' }]
  const name = to as string
  const at = [...path, 'to']
  const unknown = unknownName(name, [...children.keys(), ...pools.keys()])
  if (unknown) return [...issues, { path: at, message: unknown }]
  const options = children.get(name) ?? pools.get(name)
  if (options?.['listen'] === null)
    issues.push({ path: at, message: `'${name}' does not listen, so no request can reach it` })
  if (!children.has(name) && !isRoutableName(memberNames(name, 1)[0] as string))
    issues.push({
      path: at,
      message: `the gateway cannot route to pool '${name}': its name must consist of a-z, 0-9, ".", "_" and "-"`,
    })
  return issues
}

/** Rejects a route that matches the same requests as an earlier one: it would never be used. */
function duplicateRoutes(routes: readonly Plain[]): ConfigIssue[] {
  const seen = new Set<string>()
  const issues: ConfigIssue[] = []
  const message = 'this route matches the same requests as an earlier route; remove one of them'
  for (const [index, each] of routes.entries()) {
    const match = JSON.stringify(['host', 'path', 'header'].map((key) => matched(each, key)))
    if (seen.has(match)) issues.push({ path: ['gateway', 'routes', index], message })
    seen.add(match)
  }
  return issues
}

const matched = (given: Plain, key: string): unknown =>
  given[key] === undefined ? null : ROUTE_OPTIONS[key]?.parse(given[key])
