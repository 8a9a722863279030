import type { Address } from '../../types/child.ts'
import { type Config, type Member, membersOf, namesOf, type PoolConfig } from '../config/model.ts'
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

/** Where the process of a child listens, or is about to. */
type AddressOf = (child: string) => Address | null

/**
 * `wanted` was to be there until now; of that, `begun` was started, with the options that it was started with. Who has a
 * port that another one is to get is ended and started anew like what is removed and added.
 */
export function planOf(
  { begun, wanted }: { begun: Parts; wanted: Parts },
  after: Parts,
  addressOf: AddressOf,
): Plan {
  const owners = ownersOf(after)
  const leads = (whose: string, names: readonly string[]): boolean =>
    names.some((name) => {
      const owner = owners.get(addressOf(name))
      return owner !== undefined && owner !== whose
    })
  const children = stepsOf(wanted.members, begun.members, after.members, (name) => leads(name, [name]))
  const pools = stepsOf(wanted.pools, begun.pools, after.pools, (name, { size }) =>
    leads(poolNamed(name), namesOf(name, size)),
  )
  const taken = new Set(allNames(wanted))
  const isFree = (name: string): boolean => !taken.has(name)
  const isFreeFor = (pool: string): boolean =>
    namesOf(pool, (after.pools.get(pool) as PoolConfig).size).every(isFree)
  const free = { children: children.added.filter(isFree), pools: pools.added.filter(isFreeFor) }
  return { after, children, free, pools }
}

function stepsOf<Value>(
  wanted: ReadonlyMap<string, Value>,
  begun: ReadonlyMap<string, Value>,
  after: ReadonlyMap<string, Value>,
  givesWay: (name: string, value: Value) => boolean,
): Difference {
  const { added, changed } = difference(begun, after)
  const isGone = ([name, value]: [string, Value]): boolean => !after.has(name) || givesWay(name, value)
  const removed = [...wanted].filter(isGone).map(([name]) => name)
  const anew = removed.filter((name) => after.has(name))
  return {
    removed,
    added: [...new Set([...added, ...anew])],
    changed: changed.filter((name) => !anew.includes(name)),
  }
}

/** Tells it from a child of the same name. */
const poolNamed = (name: string): string => `pool ${name}`

/** Who is to have which port. */
function ownersOf({ members, pools }: Parts): Map<unknown, string> {
  const owners = new Map<unknown, string>()
  for (const [name, { options }] of members)
    if (typeof options['listen'] === 'number') owners.set(options['listen'], name)
  for (const [name, { port, size }] of pools)
    if (port !== undefined)
      for (let each = port; each < port + size; each++) owners.set(each, poolNamed(name))
  return owners
}
