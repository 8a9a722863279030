import path from 'node:path'
import { isAlive, readPids, readStat, seesProcesses } from '../../linux/processes.ts'
import type { Sys } from '../../sys.ts'
import { runCommand } from './command.ts'

/** Looks at processes that are not children of this one, with the means of the system. */
export interface Processes {
  /** Returns the program name of a living process, or null. */
  programOf(pid: number): Promise<string | null>
  /** Returns the titles of the living children of a process, by a key that no later process has. */
  childrenOf(pid: number): Promise<Map<string, string>>
}

/** Creates a reader for one reload. What it remembers of other processes does not stay true for longer. */
export const newProcesses = (sys: Sys, seconds: number): Processes =>
  seesProcesses(sys) ? new ProcReader(sys) : new PsReader(sys, seconds)

const DELETED = / \(deleted\)$/

/** Reads `/proc`. */
class ProcReader implements Processes {
  readonly #sys: Sys
  /** Processes with another parent, which need not be read again. */
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
      // For a process of another user, only the name is readable.
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
      // The process has just ended.
      return ''
    }
  }
}

const PS_LINE = /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(.*)$/

interface PsLine {
  readonly pid: number
  readonly ppid: number
  readonly title: string
}

/** Runs `ps`, which every other unix has. */
class PsReader implements Processes {
  readonly #sys: Sys
  readonly #seconds: number

  constructor(sys: Sys, seconds: number) {
    this.#sys = sys
    this.#seconds = seconds
  }

  async programOf(pid: number): Promise<string | null> {
    const title = (await this.#lines()).find((line) => line.pid === pid)?.title
    return title === undefined ? null : path.basename(title.split(' ', 1)[0] ?? '').replace(/:$/, '')
  }

  async childrenOf(parent: number): Promise<Map<string, string>> {
    const lines = (await this.#lines()).filter(({ ppid }) => ppid === parent)
    return new Map(lines.map(({ pid, title }) => [String(pid), title]))
  }

  async #lines(): Promise<PsLine[]> {
    const columns = ['pid=', 'ppid=', 'stat=', 'args='].flatMap((column) => ['-o', column])
    const { text } = await runCommand(this.#sys, ['ps', '-A', ...columns], this.#seconds)
    return text.split('\n').flatMap((line) => {
      const [, pid, ppid, state = 'Z', title = ''] = PS_LINE.exec(line) ?? []
      return state.startsWith('Z') ? [] : [{ pid: Number(pid), ppid: Number(ppid), title }]
    })
  }
}
