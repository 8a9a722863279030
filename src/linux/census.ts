import type { Sys } from '../sys.ts'
import { CoalescedRead } from './coalesced-read.ts'
import { COOKIE, outersOf } from './cookie.ts'
import { ProcessTrees } from './process-tree.ts'
import { readPids, readStats, readVariable, type Stat, seesProcesses } from './processes.ts'

/** A living process, and the mark in its environment. */
export interface MarkedProcess {
  readonly pid: number
  readonly mark: string
}

/** Those who carry a mark, or one within it, by that mark. */
type Bearers = ReadonlyMap<string, readonly MarkedProcess[]>

const NOBODY: readonly MarkedProcess[] = []

/** Finds the processes of one spinner wherever they went. See proc(5) on `/proc/pid/environ`. */
export class Census {
  readonly #sys: Sys
  readonly #uuid: string
  readonly #look: CoalescedRead<Bearers>
  readonly #families: CoalescedRead<ProcessTrees>

  constructor(sys: Sys, uuid: string) {
    this.#sys = sys
    this.#uuid = uuid
    this.#look = new CoalescedRead(sys, () => this.#take())
    this.#families = new CoalescedRead(sys, () => new ProcessTrees(seesProcesses(sys) ? readStats(sys) : []))
  }

  /** Those who carry a mark, or one within it. Rejects where nothing can be seen. */
  async bearersOf(mark: string): Promise<readonly MarkedProcess[]> {
    return (await this.#look.read()).get(mark) ?? NOBODY
  }

  /** Those who left a group and have their parents, or theirs, in it still. */
  async leaversOf(pgid: number): Promise<Stat[]> {
    return (await this.#families.read()).of(pgid).filter(({ pgrp }) => pgrp !== pgid)
  }

  /** The same as `bearersOf` in this very turn. */
  bearersNow(mark: string): readonly MarkedProcess[] {
    return this.#take().get(mark) ?? NOBODY
  }

  /** What has ended has no environment any more, and what is another user's cannot be read. */
  #take(): Bearers {
    const bearers = new Map<string, MarkedProcess[]>()
    if (!seesProcesses(this.#sys)) return bearers
    for (const pid of readPids(this.#sys)) {
      const mark = readVariable(this.#sys, pid, COOKIE)
      if (!mark?.includes(this.#uuid)) continue
      for (const outer of outersOf(mark)) {
        const within = bearers.get(outer)
        if (within) within.push({ pid, mark })
        else bearers.set(outer, [{ pid, mark }])
      }
    }
    return bearers
  }
}
