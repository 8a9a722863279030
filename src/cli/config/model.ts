import type { RequestListener } from 'node:http'
import { nearest } from '../../options/suggest.ts'
import type { KeyPath } from './nodes.ts'

/** Options as plain values: what a file can say, with paths made absolute. Two of them can be compared as JSON. */
export type Plain = Readonly<Record<string, unknown>>

/** A pool of a configuration. */
export interface PoolConfig {
  readonly size: number
  /** The first of its ports; absent for sockets. */
  readonly port?: number
  /** The options of each of its children. */
  readonly options: Plain
}

/** A child of a configuration, and what starts it. */
export interface Member {
  readonly options: Plain
  /** Its first request starts it; all others are started at once. */
  readonly isLazy: boolean
}

/** The gateway of a configuration. */
export interface GatewayConfig {
  /** As the library's `listen()` takes it. */
  readonly listen: Plain
  /** As the library takes them, but for routes that lead to pools. */
  readonly options: Plain
  /** What to do when it cannot listen there. */
  readonly remedy: string
  /** What answers requests that no route fits. */
  readonly next?: RequestListener
}

/** What a configuration file says, for one environment. */
export interface Config {
  /** As it was named, for messages. */
  readonly file: string
  readonly environment: string | null
  /** The names of all environments of the file. */
  readonly environments: readonly string[]
  /** `id`, `concurrency` and their like: what only a new start can change. */
  readonly own: Plain
  readonly children: ReadonlyMap<string, Plain>
  readonly pools: ReadonlyMap<string, PoolConfig>
  readonly nginx: readonly Plain[]
  readonly gateway: GatewayConfig | null
  /** The children that are started by their first request. */
  readonly lazy: ReadonlySet<string>
  /** File, line and column of something in it. */
  readonly where: (...way: KeyPath) => string
}

/** A map as an object without a prototype, and all that is in it. */
export function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  const entries = value instanceof Map ? value : Object.entries(value)
  const object: Record<string, unknown> = Object.create(null)
  for (const [key, entry] of entries) object[key] = plain(entry)
  return object
}

/** A configuration as `spinner check` shows it. */
export function effective({ own, children, pools, nginx, gateway }: Config): Plain {
  const shown: Record<string, unknown> = { ...own }
  if (children.size > 0) shown['children'] = plain(children)
  if (pools.size > 0) {
    const flat = [...pools].map(([name, { options, ...rest }]) => [name, { ...rest, ...options }] as const)
    shown['pools'] = plain(new Map(flat))
  }
  if (nginx.length > 0) shown['nginx'] = nginx
  if (gateway) shown['gateway'] = { listen: gateway.listen, ...gateway.options }
  return shown
}

/** The children of a configuration by name. */
export const membersOf = ({ children, lazy }: Pick<Config, 'children' | 'lazy'>): Map<string, Member> =>
  new Map([...children].map(([name, options]) => [name, { options, isLazy: lazy.has(name) }]))

/** The names of the children of a pool. */
export const memberNames = (pool: string, size: number): string[] =>
  Array.from({ length: size }, (_, index) => `${pool}-${index}`)

/** What must be there and what must not clash, once an environment is merged in. */
export interface ConfigIssue {
  readonly way: KeyPath
  readonly message: string
}

/** The maps of a merged file, nothing left out yet. */
export interface MergedConfig {
  readonly children: ReadonlyMap<string, Plain>
  readonly pools: ReadonlyMap<string, Plain>
  readonly nginx: readonly Plain[]
  readonly gateway: Plain | null
  readonly maxRunning: number | null
}

/** What is said of the name of a child or pool that there is not; null for one that there is. */
export function unknownName(name: string, names: readonly string[]): string | null {
  if (names.includes(name)) return null
  const meant = nearest(name, names)
  return `no child or pool is called '${name}'${meant ? `; did you mean '${meant}'?` : ''}`
}
