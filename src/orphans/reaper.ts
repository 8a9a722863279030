import { COOKIE, isWatchdog, isWithin } from '../linux/cookie.ts'
import { isAlive, isSafeGroup, readPids, readStat, readVariable, type Stat } from '../linux/processes.ts'
import { pollDelays } from '../process/group.ts'
import type { Sys } from '../sys.ts'
import { removeQuietly } from './state-io.ts'
import { ORPHAN_GRACE_MS } from './watchdog-script.ts'

/** What a dead host left: which processes it had, and the file that says so. */
export interface Leftover {
  readonly file: string
  readonly uuid: string
  /** Start times by pid. Each led a group of its own. */
  readonly processes: ReadonlyMap<number, number>
}

const KILL_MS = 4_800

/**
 * Ends what dead hosts left. The polite signal is sent in this very turn. Resolves when nothing of it lives, or when
 * it has survived the kill for long; never rejects. The files go last: a host that dies in the middle leaves them.
 */
export async function reap(
  sys: Sys,
  left: readonly Leftover[],
  warn: (message: string) => void,
): Promise<void> {
  if (left.length === 0) return
  const sweep = new Sweep(sys, left)
  if ((await sweep.ends('SIGTERM', ORPHAN_GRACE_MS)) || (await sweep.ends('SIGKILL', KILL_MS))) {
    for (const { file } of left) removeQuietly(sys, file)
  } else warn(survival(sweep.remaining))
}

function survival(pids: readonly number[] | null): string {
  const what =
    pids === null
      ? 'It cannot be seen whether processes of an earlier host still live'
      : `Processes of an earlier host were killed and still live (${pids.join(', ')})`
  return `${what}; the next host tries again. End them by hand if they are in the way.`
}

const memberKey = ({ pgrp, pid, start }: Stat): string => `${pgrp} ${pid} ${start}`

class Sweep {
  /** Who lived at the last look; null when nothing could be seen. */
  remaining: number[] | null = null
  readonly #sys: Sys
  readonly #left: readonly Leftover[]
  readonly #ownMark: string | null
  /** Who has had the polite signal. */
  readonly #asked = new Set<string>()
  /** Who was seen in a proven group: one of them that is still in it proves it when its leader has gone. */
  readonly #known = new Set<string>()

  constructor(sys: Sys, left: readonly Leftover[]) {
    this.#sys = sys
    this.#left = left
    this.#ownMark = sys.env[COOKIE] ?? null
  }

  /** Looks, and signals what it sees, until nothing is left: true, or the time is up: false. */
  async ends(signal: 'SIGTERM' | 'SIGKILL', ms: number): Promise<boolean> {
    let waited = 0
    for (const wait of pollDelays()) {
      this.remaining = this.#look(signal)
      if (this.remaining?.length === 0) return true
      if (waited >= ms) return false
      const pause = Math.min(wait, ms - waited)
      await this.#sys.pause(pause)
      waited += pause
    }
    return false
  }

  #look(signal: 'SIGTERM' | 'SIGKILL'): number[] | null {
    try {
      const stats = readPids(this.#sys).flatMap((pid) => readStat(this.#sys, pid) ?? [])
      const own = stats.find(({ pid }) => pid === this.#sys.pid)
      if (!own) return null
      const others = stats.filter((stat) => isAlive(stat) && stat.pgrp !== own.pgrp && stat.pid !== own.pid)
      const groups = this.#provenGroups(others)
      const members = others.filter(({ pgrp }) => groups.has(pgrp))
      for (const member of members) this.#known.add(memberKey(member))
      for (const group of new Set(members.map(({ pgrp }) => pgrp))) this.#signalGroup(group, members, signal)
      const bearers = others.filter((stat) => !groups.has(stat.pgrp) && this.#markOf(stat.pid) !== null)
      for (const stat of bearers) this.#signalBearer(stat, signal)
      return [...members, ...bearers].map(({ pid }) => pid)
    } catch {
      // Out of descriptors, say. Who was signalled was; the next look sees who is left.
      return null
    }
  }

  #provenGroups(others: readonly Stat[]): Set<number> {
    const recorded = this.#left.flatMap(({ processes }) => [...processes.keys()])
    const known = others.flatMap((stat) => (this.#known.has(memberKey(stat)) ? [stat.pgrp] : []))
    return new Set([...recorded, ...known].filter((group) => this.#isProven(group, others)))
  }

  /**
   * Its leader began when it was recorded, if it is only a zombie now; or it has gone, and somebody is there who was
   * in the group with it. No number is given to another while a process or a group has it.
   */
  #isProven(group: number, others: readonly Stat[]): boolean {
    if (!isSafeGroup(this.#sys, group)) return false
    const leader = readStat(this.#sys, group)
    if (leader === null) return others.some((stat) => stat.pgrp === group && this.#isStillThere(stat))
    return leader.pgrp === group && this.#left.some(({ processes }) => processes.get(group) === leader.start)
  }

  #isStillThere(member: Stat): boolean {
    const key = memberKey(member)
    const stat = this.#known.has(key) ? readStat(this.#sys, member.pid) : null
    return stat !== null && memberKey(stat) === key
  }

  /** Its mark when that is one of a dead host's; null when it is not, or was made by us. */
  #markOf(pid: number): string | null {
    if (!isSafeGroup(this.#sys, pid)) return null
    const mark = readVariable(this.#sys, pid, COOKIE)
    if (mark === null || (this.#ownMark && isWithin(mark, this.#ownMark))) return null
    const parts = mark.split('/')
    return this.#left.some(({ uuid }) => parts.some((part) => part.startsWith(`${uuid}.`))) ? mark : null
  }

  #signalGroup(group: number, members: readonly Stat[], signal: 'SIGTERM' | 'SIGKILL'): void {
    const key = `group ${group}`
    if (signal === 'SIGTERM' && this.#asked.has(key)) return
    if (!this.#isProven(group, members)) return
    this.#asked.add(key)
    this.#send(-group, signal)
  }

  #signalBearer({ pid, start }: Stat, signal: 'SIGTERM' | 'SIGKILL'): void {
    const key = `${pid} ${start}`
    if (signal === 'SIGTERM' && this.#asked.has(key)) return
    // What has ended has no environment, and who has its number by now has another.
    const mark = this.#markOf(pid)
    // A watchdog ends by itself when it has done its work.
    if (mark === null || isWatchdog(mark)) return
    this.#asked.add(key)
    this.#send(pid, signal)
  }

  /** A stopped process takes its signal only once it goes on. */
  #send(target: number, signal: 'SIGTERM' | 'SIGKILL'): void {
    try {
      this.#sys.kill(target, signal)
      if (signal === 'SIGTERM') this.#sys.kill(target, 'SIGCONT')
    } catch {
      // It has ended since, or it may not be signalled: the next look tells.
    }
  }
}
