import type { Census, MarkedProcess } from '../linux/census.ts'
import type { Cgroup } from '../linux/cgroup.ts'
import { isWatchdog } from '../linux/cookie.ts'
import { isAlive, isSafeGroup, readStat } from '../linux/processes.ts'
import type { Sys } from '../sys.ts'
import { pollDelays } from './group.ts'

/** Where nothing can be seen for so many looks in a row (out of descriptors, say), nothing is known to be left. */
const BLIND_LOOKS = 8

/** What is to be sent to a process that is still there. */
export type Order = NodeJS.Signals | null

/** The processes of one launch that left its group: daemons, and whatever called setsid(2). Linux only. */
export class EscapedProcesses {
  readonly #sys: Sys
  readonly #census: Census
  readonly mark: string
  readonly #cgroup: Cgroup | null
  readonly #asked = new Set<number>()
  /** When each began, by its number. */
  readonly #remembered = new Map<number, number>()

  constructor(sys: Sys, census: Census, mark: string, cgroup: Cgroup | null) {
    this.#sys = sys
    this.#census = census
    this.mark = mark
    this.#cgroup = cgroup
  }

  /**
   * Notes who has left the group of `leader`. To be called before the first signal: afterwards their parents
   * are gone, and those whose environment does not show the mark could not be found (docs/hazards.md#h3).
   */
  async remember(leader: number): Promise<void> {
    try {
      for (const { pid, start } of await this.#census.leaversOf(leader)) this.#remembered.set(pid, start)
    } catch {
      // Nothing can be seen at this moment: then the mark alone tells.
    }
  }

  /** Pids of what lives in its cgroup, when it has one. */
  housed(): number[] {
    return this.#cgroup?.members() ?? []
  }

  /** Pids of those that live. */
  pids(): number[] {
    try {
      return this.#with(this.#census.bearersNow(this.mark)).map(({ pid }) => pid)
    } catch {
      return []
    }
  }

  /** Resolves when none lives. `order` is asked at each look; all but the kill is sent once to each. */
  async whenGone(order: () => Order): Promise<void> {
    let blind = 0
    for (const wait of pollDelays()) {
      try {
        const left = this.#with(await this.#census.bearersOf(this.mark))
        if (left.length === 0 && this.#cgroup?.isEmpty() !== false) break
        blind = 0
        const signal = order()
        if (signal !== null) this.#end(left, signal)
      } catch {
        if (++blind === BLIND_LOOKS) break
      }
      await this.#sys.pause(wait)
    }
    this.#cgroup?.remove()
  }

  /**
   * Adds who lives in the cgroup, whatever it is marked with; and those who are remembered, live, and are still the
   * same: a number may be another's by now.
   */
  #with(bearers: readonly MarkedProcess[]): MarkedProcess[] {
    const left = [...bearers]
    const add = (pid: number): void => {
      if (!left.some((bearer) => bearer.pid === pid)) left.push({ pid, mark: this.mark })
    }
    this.#cgroup?.members().forEach(add)
    for (const [pid, start] of this.#remembered) {
      const stat = readStat(this.#sys, pid)
      if (!stat || !isAlive(stat) || stat.start !== start) this.#remembered.delete(pid)
      else add(pid)
    }
    return left
  }

  /** The kill of the whole cgroup waits for a watchdog in it, which still has an inner spinner's sockets to remove. */
  #end(left: readonly MarkedProcess[], signal: NodeJS.Signals): void {
    if (signal === 'SIGKILL' && !left.some(({ mark }) => isWatchdog(mark))) this.#cgroup?.kill()
    for (const bearer of left) this.#send(bearer, signal)
  }

  /** What an inner spinner has started is asked by that one, when its host ends. */
  #send({ pid, mark }: MarkedProcess, signal: NodeJS.Signals): void {
    if (isWatchdog(mark) || !isSafeGroup(this.#sys, pid)) return
    if (signal !== 'SIGKILL' && (mark !== this.mark || this.#asked.has(pid))) return
    this.#asked.add(pid)
    try {
      this.#sys.kill(pid, signal)
      if (signal !== 'SIGKILL') this.#sys.kill(pid, 'SIGCONT')
    } catch {
      // It has ended since, or it may not be signalled: the next look tells.
    }
  }
}
