import { type Config, membersOf, type Plain } from '../config/model.ts'

/** What has to be done with the members of one part of a configuration. */
export interface Difference {
  readonly added: readonly string[]
  readonly removed: readonly string[]
  readonly changed: readonly string[]
}

/** Whether two values are written alike. */
export const same = (one: unknown, other: unknown): boolean => JSON.stringify(one) === JSON.stringify(other)

/** Compares two maps by name. */
export function difference<Value>(
  before: ReadonlyMap<string, Value>,
  after: ReadonlyMap<string, Value>,
): Difference {
  return {
    added: [...after.keys()].filter((name) => !before.has(name)),
    removed: [...before.keys()].filter((name) => !after.has(name)),
    changed: [...after.keys()].filter((name) => before.has(name) && !same(before.get(name), after.get(name))),
  }
}

/** nginx plugins have no names: one that was changed is another one. */
export const nginxByText = (all: readonly Plain[]): Map<string, Plain> =>
  new Map(all.map((options) => [JSON.stringify(options), options]))

/** A sentence for people about what will be done. */
export function told(before: Config, after: Config): string {
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
    ...(same(before.gateway, after.gateway) ? [] : ['the gateway is set up anew']),
  ]
  const own = same(before.own, after.own)
    ? ''
    : '; `id`, `concurrency` and their like change only when the command is started anew'
  return `${parts.length === 0 ? 'nothing has changed' : parts.join('; ')}${own}`
}
