import type { RequestHead } from '../http/request-head.ts'
import type { Chooser, Destination, Rules } from '../options.ts'
import { isLoopbackHost, isPlainPath, isRoutableName, splitHost } from './host-names.ts'

/** A route after validation. */
export interface ReadRoute {
  /** In lower case; `'*.rest'` for a wildcard; null for any host that is allowed. */
  readonly host: string | null
  /** Without a final slash: `''` is every path. */
  readonly prefix: string
  readonly strip: boolean
  readonly header: { readonly name: string; readonly value: string | null } | null
  readonly to: Destination | Chooser
  readonly rules: Rules
}

/** Where one request leads. */
export interface Match {
  readonly route: ReadRoute
  /** What a wildcard or a header gave; empty where there is none. */
  readonly name: string
  /** As the child will see it. */
  readonly path: string
  /** What was taken off the path. */
  readonly prefix: string
}

interface Place {
  /** Routes with a header come before the ones without. */
  readonly byPrefix: Map<string, ReadRoute[]>
  /** The most segments that a prefix here has. */
  depth: number
}

/** Routes so arranged that any number of them costs a request the same. */
export interface RouteTable {
  readonly places: ReadonlyMap<string, Place>
  /** Hosts that routes without one answer to; null for any. */
  readonly hosts: ReadonlySet<string> | null
  readonly hasWildcards: boolean
}

const ANY_HOST = ''

/** Whether two routes can never both be reached. */
const isTwin = (a: ReadRoute, b: ReadRoute): boolean =>
  a.header?.name === b.header?.name && a.header?.value === b.header?.value

/** Arranges routes. Two that fit the very same requests are told to `onTwin`. */
export function newRouteTable(
  routes: readonly ReadRoute[],
  hosts: readonly string[] | null,
  onTwin: (route: ReadRoute) => void,
): RouteTable {
  const places = new Map<string, Place>()
  for (const route of routes) {
    const key = route.host ?? ANY_HOST
    const place: Place = places.get(key) ?? { byPrefix: new Map(), depth: 0 }
    places.set(key, place)
    place.depth = Math.max(place.depth, route.prefix.split('/').length - 1)
    const there = place.byPrefix.get(route.prefix) ?? []
    place.byPrefix.set(route.prefix, there)
    if (there.some((other) => isTwin(other, route))) onTwin(route)
    if (route.header === null) there.push(route)
    else there.splice(there.filter(({ header }) => header !== null).length, 0, route)
  }
  const hasWildcards = routes.some(({ host }) => host?.startsWith('*.'))
  return { places, hasWildcards, hosts: hosts === null ? null : new Set(hosts) }
}

/** A request as far as routes look at it. */
export interface Routed extends Pick<RequestHead, 'host' | 'path'> {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
}

/**
 * The route of a request; null when there is none. A name that could be something else leads nowhere
 * (docs/hazards.md#h55).
 */
export function findRoute(table: RouteTable, request: Routed): Match | null {
  const { hasWildcards, hosts, places } = table
  const { host, path } = request
  if (!isPlainPath(path)) return null
  const exact = host === null ? undefined : places.get(host)
  const found = exact && findPath(exact, request, '')
  if (found) return found
  const [label, rest] = (hasWildcards && host !== null && splitHost(host)) || []
  const wild = label !== undefined && isRoutableName(label) ? places.get(`*.${rest}`) : undefined
  const guessed = wild && findPath(wild, request, label as string)
  if (guessed) return guessed
  const any = places.get(ANY_HOST)
  return any && isAllowed(hosts, host) ? findPath(any, request, '') : null
}

function isAllowed(hosts: ReadonlySet<string> | null, host: string | null): boolean {
  if (hosts?.has('*')) return true
  if (host === null) return false
  return hosts === null ? isLoopbackHost(host) : hosts.has(host)
}

/** The longest prefix first: as many looks as the deepest one has segments. */
function findPath({ byPrefix, depth }: Place, request: Routed, label: string): Match | null {
  const query = request.path.indexOf('?')
  const pathname = query < 0 ? request.path : request.path.slice(0, query)
  for (let prefix = cut(pathname, depth); ; prefix = prefix.slice(0, prefix.lastIndexOf('/'))) {
    for (const route of byPrefix.get(prefix) ?? []) {
      const name = route.header === null ? label : nameInHeader(route.header, request.headers, label)
      const path = name === null ? null : pathFor(route, request.path)
      if (name !== null && path !== null)
        return { route, name, path, prefix: route.strip ? route.prefix : '' }
    }
    if (prefix === '') return null
  }
}

/** The first so many segments of a path. */
function cut(pathname: string, segments: number): string {
  let end = 0
  for (let left = segments; left > 0; left--) {
    end = pathname.indexOf('/', end + 1)
    if (end < 0) return pathname.endsWith('/') ? pathname.slice(0, -1) : pathname
  }
  return pathname.slice(0, end)
}

function nameInHeader(
  wanted: { readonly name: string; readonly value: string | null },
  headers: Routed['headers'],
  label: string,
): string | null {
  const value = headers[wanted.name]
  if (typeof value !== 'string') return null
  if (wanted.value !== null) return value === wanted.value ? label : null
  return isRoutableName(value) ? value : null
}

/** What the child sees; null when no path is left that a child may be given. */
function pathFor({ prefix, strip }: ReadRoute, path: string): string | null {
  if (!strip || prefix === '') return path
  const rest = path.slice(prefix.length)
  const stripped = rest.startsWith('/') ? rest : `/${rest}`
  return /^\/[/\\]/.test(stripped) ? null : stripped
}
