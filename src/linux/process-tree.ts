import type { Stat } from './processes.ts'

/** All processes of one look, by their groups and by their parents. */
export class Families {
  readonly #byNumber = new Map<number, Stat>()
  readonly #byGroup: ReadonlyMap<number, Stat[]>
  readonly #byParent: ReadonlyMap<number, Stat[]>

  constructor(stats: readonly Stat[]) {
    for (const stat of stats) this.#byNumber.set(stat.pid, stat)
    this.#byGroup = gathered(stats, ({ pgrp }) => pgrp)
    this.#byParent = gathered(stats, ({ ppid }) => ppid)
  }

  /** The leader and the members of a group, and whatever descends from them, as their parents tell it. */
  of(pgid: number): Stat[] {
    const leader = this.#byNumber.get(pgid)
    const family = new Set([...(leader ? [leader] : []), ...(this.#byGroup.get(pgid) ?? [])])
    const add = (parent: number): void => {
      for (const child of this.#byParent.get(parent) ?? []) family.add(child)
    }
    // The leader may have ended and not be in the look any more.
    add(pgid)
    // What is added on the way is visited too.
    for (const { pid } of family) add(pid)
    return [...family]
  }
}

function gathered(stats: readonly Stat[], keyOf: (stat: Stat) => number): Map<number, Stat[]> {
  const groups = new Map<number, Stat[]>()
  for (const stat of stats) {
    const group = groups.get(keyOf(stat))
    if (group) group.push(stat)
    else groups.set(keyOf(stat), [stat])
  }
  return groups
}
