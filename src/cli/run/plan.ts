import type { Address } from '../../types/child.ts'
import {
  type Config,
  type Member,
  memberNames,
  membersOf,
  type Plain,
  type PoolConfig,
} from '../config/model.ts'

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
  const ofPools = [...pools].flatMap(([name, { size }]) => memberNames(name, size))
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
    leads(poolNamed(name), memberNames(name, size)),
  )
  const taken = new Set(allNames(wanted))
  const isFree = (name: string): boolean => !taken.has(name)
  const isFreeFor = (pool: string): boolean =>
    memberNames(pool, (after.pools.get(pool) as PoolConfig).size).every(isFree)
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

/** What has to be done with the members of one part of a configuration. */
export interface Difference {
  readonly added: readonly string[]
  readonly removed: readonly string[]
  readonly changed: readonly string[]
}

/** Whether two values are written alike. */
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

/** nginx plugins have no names: one that was changed is another one. */
export const nginxByText = (all: readonly Plain[]): Map<string, Plain> =>
  new Map(all.map((options) => [JSON.stringify(options), options]))

/** A sentence for people about what will be done. */
export function describeChanges(before: Config, after: Config): string {
  const children = difference(membersOf(before), membersOf(after))
  const pools = difference(before.pools, after.pools)
  const nginx = difference(nginxByText(before.nginx), nginxByText(after.nginx))
  const part = (names: readonly string[], what: string): string[] =>
    names.length === 0 ? [] : [`${what} ${names.join(', ')}`]
  const parts = [
    ...part([...children.added, ...pools.added], 'new:'),
    ...part([...children.removed, ...pools.removed], 'gone:'),
    ...part([...children.changed, ...pools.changed], 'changed:'),
    ...(nginx.added.length + nginx.removed.length > 0 ? ['nginx is set up anew'] : []),
    ...(isDeepEqual(before.gateway, after.gateway) ? [] : ['the gateway is set up anew']),
  ]
  const own = isDeepEqual(before.own, after.own)
    ? ''
    : '; `id`, `concurrency` and their like change only when the command is started anew'
  return `${parts.length === 0 ? 'nothing has changed' : parts.join('; ')}${own}`
}
