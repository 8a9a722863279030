import type { Usage } from './usage.ts'

/** The processes that can be seen, by number. */
export type Table = ReadonlyMap<number, Usage>

/** Of whom nothing more is known. */
const NOBODY = 0

/**
 * Says to which leader each process belongs: the one whose group it is in, else the one that `known` names, else whoever its
 * parent belongs to. The leaders of a thousand children are told apart in one walk.
 */
export function belongings(
  table: Table,
  leaders: ReadonlySet<number>,
  known: ReadonlyMap<number, number>,
): Map<number, number> {
  const found = new Map<number, number>()
  const own = ({ pid, pgrp }: Usage): number | undefined => (leaders.has(pgrp) ? pgrp : known.get(pid))
  for (const usage of table.values()) {
    const way: number[] = []
    let owner: number | undefined
    for (let at: Usage | undefined = usage; at && owner === undefined; at = table.get(at.ppid)) {
      owner = found.get(at.pid) ?? own(at)
      way.push(at.pid)
      // Numbers that are given anew while they are read could make a circle.
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
