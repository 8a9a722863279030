import type { RequestHead } from '../http/request-head.ts'
import type { Chooser, Destination, Rules } from '../options.ts'
import { isLoopbackHost, isPlainPath, isRoutableName, splitHost } from './host-names.ts'

/** A route after validation. */
export interface RouteSettings {
  /** In lower case; `'*.rest'` for a wildcard; null for any allowed host. */
  readonly host: string | null
  /** Without a final slash; `''` matches every path. */
  readonly prefix: string
  readonly strip: boolean
  readonly header: { readonly name: string; readonly value: string | null } | null
  readonly to: Destination | Chooser
  readonly rules: Rules
}

/** The route of a request, and what the route reads from the request. */
export interface FoundRoute {
  readonly route: RouteSettings
  /** Match of a wildcard, or value of a header; empty if the route has neither. */
  readonly name: string
  /** As the child will see it. */
  readonly path: string
  /** Prefix that the route removed from the path; empty if none. */
  readonly prefix: string
}

/** The routes of one host. */
interface HostRoutes {
  /** Routes with a header come before routes without one. */
  readonly byPrefix: Map<string, RouteSettings[]>
  /** Number of segments of the longest prefix. */
  depth: number
}

/** Routes by host and prefix, so that a request costs the same for any number of routes. */
export interface RouteTable {
  /** By exact host, by `'*.rest'`, and under {@link ANY_HOST} the routes without a host. */
  readonly byHost: ReadonlyMap<string, HostRoutes>
  /** Hosts that routes without a host match; null for loopback hosts. */
  readonly hosts: ReadonlySet<string> | null
  readonly hasWildcards: boolean
}

const ANY_HOST = ''

/** Returns true if two routes of one host and prefix match the same requests. */
const isDuplicate = (a: RouteSettings, b: RouteSettings): boolean =>
  a.header?.name === b.header?.name && a.header?.value === b.header?.value

/** Builds the table; calls `onDuplicate` with each route that matches the same requests as an earlier one. */
export function newRouteTable(
  routes: readonly RouteSettings[],
  hosts: readonly string[] | null,
  onDuplicate: (route: RouteSettings) => void,
): RouteTable {
  const byHost = new Map<string, HostRoutes>()
  for (const route of routes) {
    const key = route.host ?? ANY_HOST
    const ofHost: HostRoutes = byHost.get(key) ?? { byPrefix: new Map(), depth: 0 }
    byHost.set(key, ofHost)
    ofHost.depth = Math.max(ofHost.depth, route.prefix.split('/').length - 1)
    const ofPrefix = ofHost.byPrefix.get(route.prefix) ?? []
    ofHost.byPrefix.set(route.prefix, ofPrefix)
    if (ofPrefix.some((other) => isDuplicate(other, route))) onDuplicate(route)
    if (route.header === null) ofPrefix.push(route)
    else ofPrefix.splice(ofPrefix.filter(({ header }) => header !== null).length, 0, route)
  }
  const hasWildcards = routes.some(({ host }) => host?.startsWith('*.'))
  return { byHost, hasWildcards, hosts: hosts === null ? null : new Set(hosts) }
}

/** The parts of a request that select its route. */
export interface RoutedRequest extends Pick<RequestHead, 'host' | 'path'> {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
}

/** Finds the route of a request; null if there is none, or if a name in the request is unsafe (docs/hazards.md#h55). */
export function findRoute(table: RouteTable, request: RoutedRequest): FoundRoute | null {
  const { byHost, hasWildcards, hosts } = table
  const { host, path } = request
  if (!isPlainPath(path)) return null
  const exact = host === null ? undefined : byHost.get(host)
  const found = exact && findByPath(exact, request, '')
  if (found) return found
  const [label, rest] = (hasWildcards && host !== null && splitHost(host)) || []
  const wildcard = label !== undefined && isRoutableName(label) ? byHost.get(`*.${rest}`) : undefined
  const foundByWildcard = wildcard && findByPath(wildcard, request, label as string)
  if (foundByWildcard) return foundByWildcard
  const any = byHost.get(ANY_HOST)
  return any && isAllowed(hosts, host) ? findByPath(any, request, '') : null
}

function isAllowed(hosts: ReadonlySet<string> | null, host: string | null): boolean {
  if (hosts?.has('*')) return true
  if (host === null) return false
  return hosts === null ? isLoopbackHost(host) : hosts.has(host)
}

/** Tries the longest prefix first, so it looks up at most as many prefixes as the longest one has segments, plus one. */
function findByPath(
  { byPrefix, depth }: HostRoutes,
  request: RoutedRequest,
  label: string,
): FoundRoute | null {
  const query = request.path.indexOf('?')
  const pathname = query < 0 ? request.path : request.path.slice(0, query)
  for (let prefix = firstSegments(pathname, depth); ; prefix = prefix.slice(0, prefix.lastIndexOf('/'))) {
    for (const route of byPrefix.get(prefix) ?? []) {
      const name = route.header === null ? label : nameInHeader(route.header, request.headers, label)
      const path = name === null ? null : pathFor(route, request.path)
      if (name !== null && path !== null)
        return { route, name, path, prefix: route.strip ? route.prefix : '' }
    }
    if (prefix === '') return null
  }
}

/** Returns the first `count` segments of a path. */
function firstSegments(pathname: string, count: number): string {
  let end = 0
  for (let left = count; left > 0; left--) {
    end = pathname.indexOf('/', end + 1)
    if (end < 0) return pathname.endsWith('/') ? pathname.slice(0, -1) : pathname
  }
  return pathname.slice(0, end)
}

/** Returns the name for the chooser: the value of a header that may have any, otherwise `label`. Null if nothing matches. */
function nameInHeader(
  wanted: { readonly name: string; readonly value: string | null },
  headers: RoutedRequest['headers'],
  label: string,
): string | null {
  const value = headers[wanted.name]
  if (typeof value !== 'string') return null
  if (wanted.value !== null) return value === wanted.value ? label : null
  return isRoutableName(value) ? value : null
}

/** Returns the path for the child; null if the stripped path begins with `//`, which a child could read as a host. */
function pathFor({ prefix, strip }: RouteSettings, path: string): string | null {
  if (!strip || prefix === '') return path
  const rest = path.slice(prefix.length)
  const stripped = rest.startsWith('/') ? rest : `/${rest}`
  return /^\/[/\\]/.test(stripped) ? null : stripped
}
