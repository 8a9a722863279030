import type { Stat } from './procfs.ts'

/** Of all processes, the members of a group and whatever descends from them, as their parents tell it. */
export function familyOf(stats: readonly Stat[], pgid: number): Stat[] {
  const family = new Set([pgid])
  for (let size = 0; size !== family.size; ) {
    size = family.size
    for (const { pgrp, pid, ppid } of stats) if (pgrp === pgid || family.has(ppid)) family.add(pid)
  }
  return stats.filter(({ pid }) => family.has(pid))
}
