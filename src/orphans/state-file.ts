import path from 'node:path'
import { messageOf, SpinnerError } from '../errors.ts'
import { thisHost } from '../linux/host-identity.ts'
import { readStat } from '../linux/processes.ts'
import type { Sys } from '../sys.ts'
import type { Leftover } from './reaper.ts'
import { CLOSED_LINE, goneLine, spawnedLine, stateHeader } from './state-format.ts'
import { append, isSame, remove, writeFresh } from './state-io.ts'
import { Claim } from './state-lock.ts'

/** A file is written anew when it has this many lines more than a few for each process that lives. */
const SPARE_LINES = 1_000
const LINES_A_PROCESS = 4

const nothing = (): void => {}

/** What a new host needs to find the processes of this one, should this one die. Linux only. */
export class StateFile {
  /** What dead hosts of the same identity left, as it was when this one began. */
  readonly left: readonly Leftover[]
  readonly #sys: Sys
  readonly #file: string
  readonly #head: string
  readonly #warn: (message: string) => void
  readonly #living = new Map<number, number>()
  #descriptor: number | null
  #lines = 0
  /** The last write failed, perhaps in the middle of a line. */
  #torn = false
  #warned = false

  private constructor(
    sys: Sys,
    file: string,
    head: string,
    descriptor: number,
    left: readonly Leftover[],
    warn: (message: string) => void,
  ) {
    this.#sys = sys
    this.#file = file
    this.#head = head
    this.#descriptor = descriptor
    this.left = left
    this.#warn = warn
  }

  /**
   * Makes a state file ours, in a folder that only this user can write to. Throws when a living host has it. Null where there can be none: a spinner works without one, and `warn` says what it lacks then.
   */
  static claim(
    sys: Sys,
    folder: string,
    uuid: string,
    warn: (message: string) => void,
    name = 'state',
  ): StateFile | null {
    if (sys.platform !== 'linux') return null
    const file = path.join(folder, name)
    try {
      const host = thisHost(sys)
      const claim = new Claim(sys, file, host, uuid, warn)
      const descriptor = claim.take()
      return new StateFile(sys, file, stateHeader(host, uuid), descriptor, claim.collect(), warn)
    } catch (thrown) {
      if (thrown instanceof SpinnerError) throw thrown
      const what = `The state file '${file}' cannot be used: ${messageOf(thrown)}.`
      warn(`${what} The spinner works without one: the next host will not find what this one may leave.`)
      return null
    }
  }

  /** A process was spawned, and leads a group of its own. Returns what says that it is gone. */
  add(pid: number): () => void {
    const start = this.#startOf(pid)
    // Its mark still tells whose it is.
    if (start === null) return nothing
    this.#living.set(pid, start)
    this.#write(spawnedLine(pid, start))
    return () => {
      if (this.#living.get(pid) !== start) return
      this.#living.delete(pid)
      this.#write(goneLine(pid))
    }
  }

  /** The end of the spinner. What is still there is for the next host to end, while this one may live on. */
  close(): void {
    if (this.#descriptor === null) return
    try {
      if (this.#living.size > 0) this.#rewrite(CLOSED_LINE)
      else if (this.#isOurs(this.#descriptor) !== false) this.#sys.fs.rmSync(this.#file, { force: true })
    } catch (thrown) {
      this.#fail(thrown)
    } finally {
      this.#release()
    }
  }

  #startOf(pid: number): number | null {
    try {
      const start = readStat(this.#sys, pid)?.start
      return Number.isSafeInteger(start) ? (start as number) : null
    } catch {
      return null
    }
  }

  #write(line: string): void {
    if (this.#descriptor === null) return
    try {
      if (this.#mustBeWrittenAnew(this.#descriptor)) this.#rewrite()
      else append(this.#sys, this.#descriptor, line)
      this.#lines++
    } catch (thrown) {
      this.#fail(thrown)
    }
  }

  #mustBeWrittenAnew(descriptor: number): boolean {
    if (this.#torn || this.#lines >= SPARE_LINES + LINES_A_PROCESS * this.#living.size) return true
    // A cleaner of temporary files may have taken it.
    return this.#sys.fs.fstatSync(descriptor).nlink === 0
  }

  /** Another file takes the place of ours, in one step. */
  #rewrite(end = ''): void {
    const { fs } = this.#sys
    const lines = [...this.#living].map(([pid, start]) => spawnedLine(pid, start))
    const fresh = writeFresh(this.#sys, this.#file, this.#head + lines.join('') + end)
    try {
      const isOurs = this.#isOurs(this.#descriptor as number)
      if (isOurs === null) fs.linkSync(fresh.path, this.#file)
      else if (isOurs) fs.renameSync(fresh.path, this.#file)
      else throw new Error('another file is in its place')
    } catch (thrown) {
      fs.closeSync(fresh.descriptor)
      throw thrown
    } finally {
      remove(this.#sys, fresh.path)
    }
    this.#release()
    this.#descriptor = fresh.descriptor
    this.#lines = lines.length
    this.#torn = false
  }

  /** Null when nothing is there any more. */
  #isOurs(descriptor: number): boolean | null {
    const { fs } = this.#sys
    const there = fs.lstatSync(this.#file, { throwIfNoEntry: false })
    return there ? isSame(there, fs.fstatSync(descriptor)) : null
  }

  #release(): void {
    try {
      if (this.#descriptor !== null) this.#sys.fs.closeSync(this.#descriptor)
    } catch {
      // It is no use to us either way.
    }
    this.#descriptor = null
  }

  /** Each later change writes the whole anew, until one succeeds. */
  #fail(thrown: unknown): void {
    this.#torn = true
    if (this.#warned) return
    this.#warned = true
    const what = `The state file '${this.#file}' cannot be written: ${messageOf(thrown)}.`
    this.#warn(`${what} The spinner goes on; the next host may not find all that this one may leave.`)
  }
}
