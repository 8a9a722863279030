import { GATEWAY_OPTIONS, LISTEN_OPTIONS, ROUTE_OPTIONS } from '../../gateway/read-options.ts'
import { isRoutableName } from '../../gateway/routing/host-names.ts'
import type { Parser } from '../../options/parsers.ts'
import * as takes from './fields.ts'
import type { ConfigIssue, MergedConfig } from './model.ts'
import { type GatewayConfig, memberNames, type Plain, unknownName } from './model.ts'
import type { KeyPath } from './nodes.ts'
import { either, list, type Shape, section } from './schema-kit.ts'

/** One of a list, read as the library reads the list. */
const each = (key: string): Parser => {
  const { parse } = GATEWAY_OPTIONS[key] as { parse: Parser }
  return (item) => parse([item])
}

const rules: Readonly<Record<string, Shape>> = {
  websocket: takes.choice('websocket', ['keep', 'ignore'], GATEWAY_OPTIONS),
  ignore: list(takes.textFor(each('ignore'), "a path such as '/healthz' or '/hmr/*'"), 'a list of paths'),
  waitingPage: takes.flag,
  maxBody: takes.amount('maxBody', GATEWAY_OPTIONS),
  answerTimeout: takes.durationOrOff('answerTimeout', GATEWAY_OPTIONS),
}

/** Where a gateway listens, at length. */
export const listen: Shape = section({
  port: takes.count('port', 0, LISTEN_OPTIONS),
  host: takes.text('the name or address of a host'),
  path: takes.path,
  maxConnections: takes.count('maxConnections', 1, LISTEN_OPTIONS),
  headersTimeout: takes.duration('headersTimeout', LISTEN_OPTIONS),
  requestTimeout: takes.duration('requestTimeout', LISTEN_OPTIONS),
})

/** One route of a gateway. */
export const route: Shape = section({
  host: takes.textOption('host', ROUTE_OPTIONS),
  path: takes.textOption('path', ROUTE_OPTIONS),
  strip: takes.flag,
  header: section({ name: takes.text('the name of a header'), value: takes.text('a text') }),
  to: takes.text('the name of a child or pool'),
  ...rules,
})

/** The gateway of a file. */
export const gateway: Shape = section({
  listen: either('a port number from 0 to 65535, or a map', takes.count('port', 0, LISTEN_OPTIONS), listen),
  routes: list(route, 'a list of routes'),
  hosts: list(takes.textFor(each('hosts'), "the name of a host, or '*' for any"), 'a list of hosts'),
  queue: takes.count('queue', 1, GATEWAY_OPTIONS),
  wait: takes.duration('wait', GATEWAY_OPTIONS),
  trustProxy: list(
    takes.textFor(each('trustProxy'), "an address, a network such as '10.0.0.0/8', 'loopback' or 'unix'"),
    'a list of addresses',
  ),
  showReasons: takes.flag,
  drainTimeout: takes.duration('drainTimeout', GATEWAY_OPTIONS),
  ...rules,
})

/** A gateway as it is written, with where it listens at length. */
export function gatewayOf({ listen: given, ...options }: Plain): GatewayConfig {
  const listen = typeof given === 'number' ? { port: given } : (given as Plain)
  return { listen, options, remedy: 'choose another for `listen`' }
}

const routesOf = ({ gateway: given }: MergedConfig): readonly Plain[] =>
  (given?.['routes'] as readonly Plain[] | undefined) ?? []

/** The children that their first request starts: those that a route leads to, but for the ones that are to be warm. */
export function lazyIn(read: MergedConfig): ReadonlySet<string> {
  const asked = routesOf(read).map(({ to }) => to as string)
  return new Set(asked.filter((name) => read.children.has(name) && !read.children.get(name)?.['warm']))
}

/** What is missing in a gateway, or cannot work. */
export function demandsOfGateway(read: MergedConfig): ConfigIssue[] {
  if (read.gateway === null) return []
  const way = ['gateway']
  const missing = ['listen', 'routes'].filter((key) => read.gateway?.[key] === undefined)
  return [
    ...missing.map((key) => ({ way, message: `\`gateway\` needs \`${key}\`, ${NEEDED[key]}` })),
    ...ofListen(read.gateway['listen']),
    ...routesOf(read).flatMap((each, index) => ofRoute(each, ['gateway', 'routes', index], read)),
    ...twins(routesOf(read)),
  ]
}

const NEEDED: Readonly<Record<string, string>> = {
  listen: 'such as a port: 8080',
  routes: 'a list of where requests go: { host: shop.localhost, to: shop }',
}

function ofListen(given: unknown): ConfigIssue[] {
  if (typeof given !== 'object' || given === null) return []
  const { host, path, port } = given as Plain
  const way = ['gateway', 'listen']
  if (path === undefined && port === undefined)
    return [{ way, message: '`listen` needs a `port`, or the `path` of a unix socket' }]
  if (path === undefined || (host === undefined && port === undefined)) return []
  return [{ way, message: '`path` is a unix socket, so neither `port` nor `host` can be given with it' }]
}

function ofRoute({ header, to }: Plain, way: KeyPath, { children, pools }: MergedConfig): ConfigIssue[] {
  const wrong: ConfigIssue[] = []
  if (header !== undefined && (header as Plain)['name'] === undefined)
    wrong.push({ way: [...way, 'header'], message: '`header` needs a `name`' })
  if (to === undefined) return [...wrong, { way, message: 'a route needs `to`, the name of a child or pool' }]
  const name = to as string
  const there = [...way, 'to']
  const unknown = unknownName(name, [...children.keys(), ...pools.keys()])
  if (unknown) return [...wrong, { way: there, message: unknown }]
  const options = children.get(name) ?? pools.get(name)
  if (options?.['listen'] === null)
    wrong.push({ way: there, message: `'${name}' does not listen, so no request can reach it` })
  if (!children.has(name) && !isRoutableName(memberNames(name, 1)[0] as string))
    wrong.push({
      way: there,
      message: `a gateway leads to a pool only if its name is of a-z, 0-9, ".", "_" and "-", which '${name}' is not`,
    })
  return wrong
}

/** Of two routes for the very same requests the later one would never be asked. */
function twins(routes: readonly Plain[]): ConfigIssue[] {
  const places = new Set<string>()
  const wrong: ConfigIssue[] = []
  for (const [index, route] of routes.entries()) {
    const place = JSON.stringify(['host', 'path', 'header'].map((key) => readMember(route, key)))
    const message = 'this route fits the very same requests as one before it; take one of them out'
    if (places.has(place)) wrong.push({ way: ['gateway', 'routes', index], message })
    places.add(place)
  }
  return wrong
}

const readMember = (route: Plain, key: string): unknown =>
  route[key] === undefined ? null : ROUTE_OPTIONS[key]?.parse(route[key])
