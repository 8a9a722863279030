import path from 'node:path'
import { isAlive, readPids, readStat, seesProcesses } from '../../linux/processes.ts'
import type { Sys } from '../../sys.ts'
import { runCommand } from './command.ts'

/** What can be seen of other processes, by the means of this system. */
export interface Processes {
  /** The name of a living process's program, or null when there is none. */
  programOf(pid: number): Promise<string | null>
  /** The titles of the living children of a process, by a word that no later one has. */
  childrenOf(pid: number): Promise<Map<string, string>>
}

/** A fresh look: what it has learnt of others is not true for long. */
export const newProcesses = (sys: Sys, seconds: number): Processes =>
  seesProcesses(sys) ? new ByProc(sys) : new ByPs(sys, seconds)

const DELETED = / \(deleted\)$/

class ByProc implements Processes {
  readonly #sys: Sys
  /** Whose parent is another: they need not be read again. */
  readonly #others = new Set<number>()

  constructor(sys: Sys) {
    this.#sys = sys
  }

  async programOf(pid: number): Promise<string | null> {
    const { fs } = this.#sys
    const stat = readStat(this.#sys, pid)
    if (!stat || !isAlive(stat)) return null
    try {
      return path.basename(fs.readlinkSync(`/proc/${pid}/exe`).replace(DELETED, ''))
    } catch {
      // Another user's: its name is what is left to be seen.
      return fs.readFileSync(`/proc/${pid}/comm`, 'latin1').trim()
    }
  }

  async childrenOf(parent: number): Promise<Map<string, string>> {
    const pids = readPids(this.#sys)
    const present = new Set(pids)
    for (const pid of this.#others) if (!present.has(pid)) this.#others.delete(pid)
    const children = new Map<string, string>()
    for (const pid of pids) {
      const stat = this.#others.has(pid) ? null : readStat(this.#sys, pid)
      if (stat?.ppid !== parent) this.#others.add(pid)
      else if (isAlive(stat)) children.set(`${pid}-${stat.start}`, this.#titleOf(pid))
    }
    return children
  }

  #titleOf(pid: number): string {
    try {
      return this.#sys.fs.readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ')
    } catch {
      // It ended while we looked.
      return ''
    }
  }
}

const ROW = /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(.*)$/

interface Row {
  readonly pid: number
  readonly ppid: number
  readonly title: string
}

/** What any other unix tells. */
class ByPs implements Processes {
  readonly #sys: Sys
  readonly #seconds: number

  constructor(sys: Sys, seconds: number) {
    this.#sys = sys
    this.#seconds = seconds
  }

  async programOf(pid: number): Promise<string | null> {
    const title = (await this.#rows()).find((row) => row.pid === pid)?.title
    return title === undefined ? null : path.basename(title.split(' ', 1)[0] ?? '').replace(/:$/, '')
  }

  async childrenOf(parent: number): Promise<Map<string, string>> {
    const rows = (await this.#rows()).filter(({ ppid }) => ppid === parent)
    return new Map(rows.map(({ pid, title }) => [String(pid), title]))
  }

  async #rows(): Promise<Row[]> {
    const columns = ['pid=', 'ppid=', 'stat=', 'args='].flatMap((column) => ['-o', column])
    const { text } = await runCommand(this.#sys, ['ps', '-A', ...columns], this.#seconds)
    return text.split('\n').flatMap((line) => {
      const [, pid, ppid, state = 'Z', title = ''] = ROW.exec(line) ?? []
      return state.startsWith('Z') ? [] : [{ pid: Number(pid), ppid: Number(ppid), title }]
    })
  }
}
