import { codeOf } from '../errors.ts'
import type { Sys } from '../sys.ts'
import { familyOf } from './family.ts'
import { COOKIE, isWithin } from './mark.ts'
import { readStats, type Stat } from './procfs.ts'
import { SharedLook } from './shared-look.ts'

/** A living process, and the mark in its environment. */
export interface Bearer {
  readonly pid: number
  readonly mark: string
}

const VARIABLE = new RegExp(`(?:^|\\0)${COOKIE}=([^\\0]*)`)

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
    this.#parents = new SharedLook(sys, () => readStats(sys))
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
    const { fs } = this.#sys
    const bearers: Bearer[] = []
    for (const entry of fs.readdirSync('/proc')) {
      if (entry < '1' || entry > '9~') continue
      const environment = readEnvironment(fs, entry)
      if (!environment.includes(this.#uuid)) continue
      const mark = VARIABLE.exec(environment)?.[1]
      if (mark?.includes(this.#uuid)) bearers.push({ pid: Number(entry), mark })
    }
    return bearers
  }
}

/** It has ended since, or it is another user's. */
const UNREADABLE = new Set(['ENOENT', 'ESRCH', 'EACCES', 'EPERM'])

function readEnvironment(fs: Sys['fs'], pid: string): string {
  try {
    return fs.readFileSync(`/proc/${pid}/environ`, 'latin1')
  } catch (thrown) {
    if (UNREADABLE.has(codeOf(thrown) ?? '')) return ''
    throw thrown
  }
}
