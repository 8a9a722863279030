import { posix } from 'node:path'
import { codeOf } from '../errors.ts'
import type { Sys } from '../sys.ts'
import { nullIfFails, ownCgroup, parsePids } from './cgroup-mount.ts'
import { isSafeGroup } from './processes.ts'

/** For a kernel that must be asked for each process: one look can miss what forks meanwhile. */
const MOST_LOOKS = 32

/** One cgroup and what lives in it. No process leaves it by fork, setsid or a changed environment. */
export class Cgroup {
  readonly folder: string
  readonly #sys: Sys

  constructor(sys: Sys, folder: string) {
    this.#sys = sys
    this.folder = folder
  }

  /** Pids of what lives in it and in cgroups below it; the kernel leaves zombies out. */
  members(): number[] {
    return this.#tree().flatMap((folder) => {
      const pids = parsePids(nullIfFails(() => this.#read(folder, 'cgroup.procs')) ?? '')
      return pids.filter((pid) => isSafeGroup(this.#sys, pid))
    })
  }

  /** Whether nothing lives in it, nor below it. What cannot be looked at counts as alive. */
  isEmpty(): boolean {
    try {
      return /^populated 0$/m.test(this.#read(this.folder, 'cgroup.events'))
    } catch (thrown) {
      return isGone(thrown)
    }
  }

  /** Kills all that lives in it, forks under way included. */
  kill(): void {
    try {
      this.#write('cgroup.kill', '1')
    } catch {
      this.#killEach()
    }
  }

  /** Removes it and what is below it. Answers false while it is busy: then it can be tried again. */
  remove(): boolean {
    const removed = this.#tree()
      .reverse()
      .map((folder) => this.#removeOne(folder))
    return removed.at(-1) === true
  }

  #removeOne(folder: string): boolean {
    try {
      this.#sys.fs.rmdirSync(folder)
      return true
    } catch (thrown) {
      return isGone(thrown)
    }
  }

  /** For Linux before 5.14. Who is frozen cannot fork, but dies of a kill. */
  #killEach(): void {
    nullIfFails(() => this.#write('cgroup.freeze', '1'))
    const killed = new Set<number>()
    for (let look = 0; look < MOST_LOOKS; look++) {
      const found = this.members().filter((pid) => !killed.has(pid))
      if (found.length === 0) break
      for (const pid of found) {
        nullIfFails(() => this.#sys.kill(pid, 'SIGKILL'))
        killed.add(pid)
      }
    }
    nullIfFails(() => this.#write('cgroup.freeze', '0'))
  }

  /** Its folder and all below it, each before what it holds. */
  #tree(): string[] {
    const folders = [this.folder]
    for (const folder of folders) {
      const entries = nullIfFails(() => this.#sys.fs.readdirSync(folder, { withFileTypes: true })) ?? []
      for (const entry of entries) if (entry.isDirectory()) folders.push(posix.join(folder, entry.name))
    }
    return folders
  }

  #read(folder: string, file: string): string {
    return this.#sys.fs.readFileSync(posix.join(folder, file), 'latin1')
  }

  #write(file: string, text: string): void {
    this.#sys.fs.writeFileSync(posix.join(this.folder, file), text)
  }
}

/**
 * The cgroup of a spinner, with one below it for each process. It is inside the cgroup of the host and enables no
 * controller, so the limits and the accounting of the host apply to its children as before, and ending the cgroup of the
 * host ends all of it. This also works under systemd without `Delegate=`, which stops and removes nested cgroups. But
 * systemd owns the tree there and may move processes back (systemd's CGROUP_DELEGATION.md), so a process always carries
 * the cookie too.
 */
export class Cgroups {
  readonly #sys: Sys
  readonly #name: string
  /** Undefined until somebody asked for it. */
  #folder: string | null | undefined
  #count = 0

  constructor(sys: Sys, uuid: string) {
    this.#sys = sys
    this.#name = `spinner-${uuid}`
  }

  /** Where all of them are, or will be: what a watchdog must kill and remove. Null where none can be made. */
  get folder(): string | null {
    if (this.#folder === undefined) {
      const own = ownCgroup(this.#sys)
      this.#folder = own && posix.join(own, this.#name)
    }
    return this.#folder
  }

  /** A new, empty cgroup; null where none can be made. */
  make(): Cgroup | null {
    const all = this.folder
    if (all === null) return null
    return nullIfFails(() => {
      const folder = posix.join(all, String(++this.#count))
      this.#sys.fs.mkdirSync(folder, { recursive: true })
      return new Cgroup(this.#sys, folder)
    })
  }

  /** Removes them all, unless something still lives there: that is the watchdog's. */
  close(): void {
    if (this.#count > 0 && this.folder !== null) new Cgroup(this.#sys, this.folder).remove()
  }
}

/** A folder that is gone, or whose cgroup was removed while it was looked at. */
const isGone = (thrown: unknown): boolean => ['ENOENT', 'ENODEV'].includes(codeOf(thrown) ?? '')
