import { type Config, type Member, membersOf, namesOf, type PoolConfig } from './config/config.ts'
import { type Difference, difference } from './difference.ts'

/** The children and pools that there are, or that there shall be. */
export interface Parts {
  readonly members: ReadonlyMap<string, Member>
  readonly pools: ReadonlyMap<string, PoolConfig>
}

/** Names of children, and names of pools. */
export interface Names {
  readonly children: readonly string[]
  readonly pools: readonly string[]
}

/** What is to be done so that there is what there shall be. */
export interface Plan {
  readonly after: Parts
  readonly children: Difference
  readonly pools: Difference
  /** What is added and has no name that another one has had until now. */
  readonly free: Names
}

export const partsOf = (config: Config): Parts => ({ members: membersOf(config), pools: config.pools })

/** The names of all their children. */
export function allNames({ members, pools }: Parts): string[] {
  const ofPools = [...pools].flatMap(([name, { size }]) => namesOf(name, size))
  return [...members.keys(), ...ofPools]
}

/** `wanted` was to be there until now; of that, `begun` was started, with the options that it was started with. */
export function planOf(wanted: Parts, begun: Parts, after: Parts): Plan {
  const children = {
    ...difference(begun.members, after.members),
    removed: gone(wanted.members, after.members),
  }
  const pools = { ...difference(begun.pools, after.pools), removed: gone(wanted.pools, after.pools) }
  const taken = new Set(allNames(wanted))
  const isFree = (name: string): boolean => !taken.has(name)
  const isFreeFor = (pool: string): boolean =>
    namesOf(pool, (after.pools.get(pool) as PoolConfig).size).every(isFree)
  const free = { children: children.added.filter(isFree), pools: pools.added.filter(isFreeFor) }
  return { after, children, free, pools }
}

const gone = (before: ReadonlyMap<string, unknown>, after: ReadonlyMap<string, unknown>): string[] =>
  [...before.keys()].filter((name) => !after.has(name))
