import type { Address } from '../../types/child.ts'
import {
  type Config,
  configMembers,
  type Member,
  memberNames,
  type Plain,
  type PoolConfig,
} from '../config/model.ts'

/** The children and pools of a configuration, by name. */
export interface ChildrenAndPools {
  readonly children: ReadonlyMap<string, Member>
  readonly pools: ReadonlyMap<string, PoolConfig>
}

/** Names of children, and names of pools. */
export interface Names {
  readonly children: readonly string[]
  readonly pools: readonly string[]
}

/** The changes that lead to a configuration. */
export interface Plan {
  readonly after: ChildrenAndPools
  readonly children: Difference
  readonly pools: Difference
  /** The added children and pools whose names no child has had before. */
  readonly unclaimed: Names
}

export const childrenAndPools = (config: Config): ChildrenAndPools => ({
  children: configMembers(config),
  pools: config.pools,
})

/** Returns the names of all children, including those in pools. */
export function allNames({ children, pools }: ChildrenAndPools): string[] {
  const inPools = [...pools].flatMap(([name, { size }]) => memberNames(name, size))
  return [...children.keys(), ...inPools]
}

/** Returns the address that a child listens on, or will listen on. */
type AddressOf = (child: string) => Address | null

/**
 * Plans the changes from one configuration to another. `before` is the previous configuration, and `applied` is the part
 * of it that was started, with the options of the last start. A child or pool that has a port that another one gets is
 * both removed and added, so that it stops before anything starts.
 */
export function planChanges(
  { applied, before }: { applied: ChildrenAndPools; before: ChildrenAndPools },
  after: ChildrenAndPools,
  addressOf: AddressOf,
): Plan {
  const owners = portOwners(after)
  const holdsPortOfOther = (owner: string, names: readonly string[]): boolean =>
    names.some((name) => {
      const next = owners.get(addressOf(name))
      return next !== undefined && next !== owner
    })
  const children = differenceWithMoves(before.children, applied.children, after.children, (name) =>
    holdsPortOfOther(name, [name]),
  )
  const pools = differenceWithMoves(before.pools, applied.pools, after.pools, (name, { size }) =>
    holdsPortOfOther(poolOwner(name), memberNames(name, size)),
  )
  const claimed = new Set(allNames(before))
  const isUnclaimed = (name: string): boolean => !claimed.has(name)
  const isPoolUnclaimed = (pool: string): boolean =>
    memberNames(pool, (after.pools.get(pool) as PoolConfig).size).every(isUnclaimed)
  const unclaimed = {
    children: children.added.filter(isUnclaimed),
    pools: pools.added.filter(isPoolUnclaimed),
  }
  return { after, children, pools, unclaimed }
}

/** Compares like {@link difference}, but removes and adds again everything for which `mustMove` is true. */
function differenceWithMoves<Value>(
  before: ReadonlyMap<string, Value>,
  applied: ReadonlyMap<string, Value>,
  after: ReadonlyMap<string, Value>,
  mustMove: (name: string, value: Value) => boolean,
): Difference {
  const { added, changed } = difference(applied, after)
  const isRemoved = ([name, value]: [string, Value]): boolean => !after.has(name) || mustMove(name, value)
  const removed = [...before].filter(isRemoved).map(([name]) => name)
  const moved = removed.filter((name) => after.has(name))
  return {
    removed,
    added: [...new Set([...added, ...moved])],
    changed: changed.filter((name) => !moved.includes(name)),
  }
}

/** Names a pool so that it differs from a child with the same name. */
const poolOwner = (name: string): string => `pool ${name}`

/** Returns the child or pool that gets each port. */
function portOwners({ children, pools }: ChildrenAndPools): Map<unknown, string> {
  const owners = new Map<unknown, string>()
  for (const [name, { options }] of children)
    if (typeof options['listen'] === 'number') owners.set(options['listen'], name)
  for (const [name, { port: first, size }] of pools)
    if (first !== undefined)
      for (let port = first; port < first + size; port++) owners.set(port, poolOwner(name))
  return owners
}

/** The names that were added, removed or changed. */
export interface Difference {
  readonly added: readonly string[]
  readonly removed: readonly string[]
  readonly changed: readonly string[]
}

/** Returns whether two values have the same JSON. */
export const isDeepEqual = (one: unknown, other: unknown): boolean =>
  JSON.stringify(one) === JSON.stringify(other)

/** Compares two maps by name. */
export function difference<Value>(
  before: ReadonlyMap<string, Value>,
  after: ReadonlyMap<string, Value>,
): Difference {
  return {
    added: [...after.keys()].filter((name) => !before.has(name)),
    removed: [...before.keys()].filter((name) => !after.has(name)),
    changed: [...after.keys()].filter(
      (name) => before.has(name) && !isDeepEqual(before.get(name), after.get(name)),
    ),
  }
}

/** Keys the options of nginx plugins by their JSON, because the plugins have no names. */
export const byText = (all: readonly Plain[]): Map<string, Plain> =>
  new Map(all.map((options) => [JSON.stringify(options), options]))

/** Describes the changes from one configuration to another for people. */
export function describeChanges(before: Config, after: Config): string {
  const children = difference(configMembers(before), configMembers(after))
  const pools = difference(before.pools, after.pools)
  const nginx = difference(byText(before.nginx), byText(after.nginx))
  const list = (verb: string, ...names: readonly string[]): string[] =>
    names.length === 0 ? [] : [`${verb} ${names.join(', ')}`]
  const parts = [
    ...list('added', ...children.added, ...pools.added),
    ...list('removed', ...children.removed, ...pools.removed),
    ...list('changed', ...children.changed, ...pools.changed),
    ...(nginx.added.length + nginx.removed.length > 0 ? ['nginx reconfigured'] : []),
    ...(isDeepEqual(before.gateway, after.gateway) ? [] : ['gateway reconfigured']),
  ]
  const own = isDeepEqual(before.own, after.own) ? [] : [NEEDS_RESTART]
  return [parts.length === 0 ? 'no changes' : parts.join('; '), ...own].join('; ')
}

const NEEDS_RESTART =
  'restart the command to change `id`, `runtimeDir`, `concurrency`, `maxRunning` or `maxMemory`'
