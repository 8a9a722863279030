import type { Sys } from '../sys.ts'
import { familyOf } from './family.ts'
import { COOKIE, isWithin } from './mark.ts'
import { readPids, readStats, readVariable, type Stat, seesProcesses } from './procfs.ts'
import { SharedLook } from './shared-look.ts'

/** A living process, and the mark in its environment. */
export interface Bearer {
  readonly pid: number
  readonly mark: string
}

/** Finds the processes of one spinner wherever they went. See proc(5) on `/proc/pid/environ`. */
export class Census {
  readonly #sys: Sys
  readonly #uuid: string
  readonly #look: SharedLook<Bearer[]>
  readonly #parents: SharedLook<Stat[]>

  constructor(sys: Sys, uuid: string) {
    this.#sys = sys
    this.#uuid = uuid
    this.#look = new SharedLook(sys, () => this.#take())
    this.#parents = new SharedLook(sys, () => (seesProcesses(sys) ? readStats(sys) : []))
  }

  /** Those who carry a mark, or one within it. Rejects where nothing can be seen. */
  async bearersOf(mark: string): Promise<Bearer[]> {
    return (await this.#look.take()).filter((bearer) => isWithin(bearer.mark, mark))
  }

  /** Those who left a group and have their parents, or theirs, in it still. */
  async leaversOf(pgid: number): Promise<Stat[]> {
    return familyOf(await this.#parents.take(), pgid).filter(({ pgrp }) => pgrp !== pgid)
  }

  /** The same as `bearersOf` in this very turn. */
  bearersNow(mark: string): Bearer[] {
    return this.#take().filter((bearer) => isWithin(bearer.mark, mark))
  }

  /** What has ended has no environment any more, and what is another user's cannot be read. */
  #take(): Bearer[] {
    const bearers: Bearer[] = []
    if (!seesProcesses(this.#sys)) return bearers
    for (const pid of readPids(this.#sys)) {
      const mark = readVariable(this.#sys, pid, COOKIE)
      if (mark?.includes(this.#uuid)) bearers.push({ pid, mark })
    }
    return bearers
  }
}
