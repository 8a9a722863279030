import type { Stat } from './processes.ts'
import type { ProcessUsage } from './usage.ts'

/** All processes of one look, by their groups and by their parents. */
export class ProcessTrees {
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

/** The processes that can be seen, by number. */
export type Table = ReadonlyMap<number, ProcessUsage>

/** The leader of a process that belongs to no child. */
const NOBODY = 0

/**
 * Returns the leader that each process belongs to: the leader of its group, otherwise the one in `known`, otherwise the
 * leader of its parent. One walk serves a thousand children.
 */
export function belongings(
  table: Table,
  leaders: ReadonlySet<number>,
  known: ReadonlyMap<number, number>,
): Map<number, number> {
  const found = new Map<number, number>()
  const own = ({ pid, pgrp }: ProcessUsage): number | undefined => (leaders.has(pgrp) ? pgrp : known.get(pid))
  for (const usage of table.values()) {
    const way: number[] = []
    let owner: number | undefined
    for (let at: ProcessUsage | undefined = usage; at && owner === undefined; at = table.get(at.ppid)) {
      owner = found.get(at.pid) ?? own(at)
      way.push(at.pid)
      // A pid that is reused during the read could make a circle of parents.
      found.set(at.pid, owner ?? NOBODY)
    }
    for (const pid of way) found.set(pid, owner ?? NOBODY)
  }
  for (const [pid, owner] of found) if (owner === NOBODY) found.delete(pid)
  return found
}

/** The leader whose mark, or one within it, a process carries. See `isWithin` of `process/mark.ts`. */
export function leaderOf(mark: string, leaders: ReadonlyMap<string, number>): number | undefined {
  const parts = mark.replaceAll(':', '.').split('/')
  for (let length = parts.length; length > 0; length--) {
    const leader = leaders.get(parts.slice(0, length).join('/'))
    if (leader !== undefined) return leader
  }
  return undefined
}
