import type { RequestListener } from 'node:http'
import { nearest } from '../../options/suggest.ts'
import type { KeyPath } from './nodes.ts'

/** Options as a file writes them, with absolute paths. Two of them can be compared as JSON. */
export type Plain = Readonly<Record<string, unknown>>

/** A pool of a configuration. */
export interface PoolConfig {
  readonly size: number
  /** The first port; absent if the children listen on sockets. */
  readonly port?: number
  /** The options of each of its children. */
  readonly options: Plain
}

/** A child of a configuration. */
export interface Member {
  readonly options: Plain
  /** The first request starts the child. All other children are started at once. */
  readonly isLazy: boolean
}

/** The gateway of a configuration. */
export interface GatewayConfig {
  /** Options of `Gateway.listen()`. */
  readonly listen: Plain
  /** Options of `createGateway()`, except that a route can name a pool. */
  readonly options: Plain
  /** What the user can do if the address is in use. */
  readonly remedy: string
  /** Responds to requests that no route matches. */
  readonly next?: RequestListener
}

/** A configuration file for one environment. */
export interface Config {
  /** Path of the file as the user gave it, for messages. */
  readonly file: string
  readonly environment: string | null
  /** The names of all environments of the file. */
  readonly environments: readonly string[]
  /** Options of the spinner, such as `id` and `concurrency`: only a new start of the command can change them. */
  readonly own: Plain
  readonly children: ReadonlyMap<string, Plain>
  readonly pools: ReadonlyMap<string, PoolConfig>
  readonly nginx: readonly Plain[]
  readonly gateway: GatewayConfig | null
  /** The children that their first request starts. */
  readonly lazy: ReadonlySet<string>
  /** Returns file, line and column of a part of the file. */
  readonly where: (...path: KeyPath) => string
}

/** Converts maps, and everything in them, to objects without a prototype. */
export function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  const entries = value instanceof Map ? value : Object.entries(value)
  const object: Record<string, unknown> = Object.create(null)
  for (const [key, entry] of entries) object[key] = plain(entry)
  return object
}

/** Returns a configuration in the form that `spinner check` prints. */
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

/** Returns the children of a configuration by name. */
export const configMembers = ({ children, lazy }: Pick<Config, 'children' | 'lazy'>): Map<string, Member> =>
  new Map([...children].map(([name, options]) => [name, { options, isLazy: lazy.has(name) }]))

/** Returns the names of the children of a pool. */
export const memberNames = (pool: string, size: number): string[] =>
  Array.from({ length: size }, (_, index) => `${pool}-${index}`)

/** Something that is missing in a configuration or contradicts itself, after an environment was merged into it. */
export interface ConfigIssue {
  readonly path: KeyPath
  readonly message: string
}

/** A file after an environment was merged into it, before its paths are resolved. */
export interface MergedConfig {
  readonly children: ReadonlyMap<string, Plain>
  readonly pools: ReadonlyMap<string, Plain>
  readonly nginx: readonly Plain[]
  readonly gateway: Plain | null
  readonly maxRunning: number | null
}

/** Returns the message for a name that is not the name of a child or pool; null if it is one. */
export function unknownName(name: string, names: readonly string[]): string | null {
  if (names.includes(name)) return null
  const meant = nearest(name, names)
  return `no child or pool is called '${name}'${meant ? `; did you mean '${meant}'?` : ''}`
}
