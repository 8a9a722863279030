import path from 'node:path'
import { messageOf, SpinnerError } from '../errors.ts'
import { identifyHost } from '../linux/host-identity.ts'
import { readStat } from '../linux/processes.ts'
import type { Sys } from '../sys.ts'
import type { Leftover } from './reaper.ts'
import { CLOSED_LINE, goneLine, spawnedLine, stateHeader } from './state-format.ts'
import { append, isSameFile, removeQuietly, writeNewFile } from './state-io.ts'
import { StateLock } from './state-lock.ts'

/** The file is rewritten when it has this many lines more than a few for each living process. */
const SPARE_LINES = 1_000
const LINES_PER_PROCESS = 4

const nothing = (): void => {}

/** Lists the processes of this host, so that the next host can find them if this one dies. Linux only. */
export class StateFile {
  /** What dead hosts with the same `id` left when this host began. */
  readonly left: readonly Leftover[]
  readonly #sys: Sys
  readonly #file: string
  readonly #header: string
  readonly #warn: (message: string) => void
  /** Start times by pid. */
  readonly #living = new Map<number, number>()
  #descriptor: number | null
  #lines = 0
  /** The last write failed, perhaps in the middle of a line. */
  #isTorn = false
  #hasWarned = false

  private constructor(
    sys: Sys,
    file: string,
    header: string,
    descriptor: number,
    left: readonly Leftover[],
    warn: (message: string) => void,
  ) {
    this.#sys = sys
    this.#file = file
    this.#header = header
    this.#descriptor = descriptor
    this.left = left
    this.#warn = warn
  }

  /**
   * Claims the state file `name` in a folder that only this user can write to. Throws if a living host has it. Returns
   * null if no state file can be used: spinner works without one, and passes the consequence to `warn`.
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
      const host = identifyHost(sys)
      const lock = new StateLock(sys, file, host, uuid, warn)
      const descriptor = lock.take()
      return new StateFile(sys, file, stateHeader(host, uuid), descriptor, lock.collect(), warn)
    } catch (thrown) {
      if (thrown instanceof SpinnerError) throw thrown
      const what = `The state file '${file}' cannot be used: ${messageOf(thrown)}.`
      warn(`${what} spinner continues without it: the next host cannot find processes that this host leaves.`)
      return null
    }
  }

  /** Records the leader of a new group. Returns a function that records its end. */
  add(pid: number): () => void {
    const start = this.#startOf(pid)
    // The next host still finds the process by its cookie.
    if (start === null) return nothing
    this.#living.set(pid, start)
    this.#write(spawnedLine(pid, start))
    return () => {
      if (this.#living.get(pid) !== start) return
      this.#living.delete(pid)
      this.#write(goneLine(pid))
    }
  }

  /** Ends the recording. The next spinner ends the processes that are still listed, even while this host lives on. */
  close(): void {
    if (this.#descriptor === null) return
    try {
      if (this.#living.size > 0) this.#rewrite(CLOSED_LINE)
      else if (this.#isOwn(this.#descriptor) !== false) this.#sys.fs.rmSync(this.#file, { force: true })
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
      if (this.#needsRewrite(this.#descriptor)) this.#rewrite()
      else append(this.#sys, this.#descriptor, line)
      this.#lines++
    } catch (thrown) {
      this.#fail(thrown)
    }
  }

  #needsRewrite(descriptor: number): boolean {
    if (this.#isTorn || this.#lines >= SPARE_LINES + LINES_PER_PROCESS * this.#living.size) return true
    // A program that cleans temporary folders may have removed the file.
    return this.#sys.fs.fstatSync(descriptor).nlink === 0
  }

  /** Replaces the file by a new one in one step. */
  #rewrite(end = ''): void {
    const { fs } = this.#sys
    const lines = [...this.#living].map(([pid, start]) => spawnedLine(pid, start))
    const written = writeNewFile(this.#sys, this.#file, this.#header + lines.join('') + end)
    try {
      const isOwn = this.#isOwn(this.#descriptor as number)
      if (isOwn === null) fs.linkSync(written.path, this.#file)
      else if (isOwn) fs.renameSync(written.path, this.#file)
      else throw new Error('another file is in its place')
    } catch (thrown) {
      fs.closeSync(written.descriptor)
      throw thrown
    } finally {
      removeQuietly(this.#sys, written.path)
    }
    this.#release()
    this.#descriptor = written.descriptor
    this.#lines = lines.length
    this.#isTorn = false
  }

  /** Returns true if the path still names the file of this host, and null if the path does not exist. */
  #isOwn(descriptor: number): boolean | null {
    const { fs } = this.#sys
    const found = fs.lstatSync(this.#file, { throwIfNoEntry: false })
    return found ? isSameFile(found, fs.fstatSync(descriptor)) : null
  }

  #release(): void {
    try {
      if (this.#descriptor !== null) this.#sys.fs.closeSync(this.#descriptor)
    } catch {
      // This host does not use the descriptor any more either way.
    }
    this.#descriptor = null
  }

  /** Warns once. Each later change writes the whole file again, until one succeeds. */
  #fail(thrown: unknown): void {
    this.#isTorn = true
    if (this.#hasWarned) return
    this.#hasWarned = true
    const what = `The state file '${this.#file}' cannot be written: ${messageOf(thrown)}.`
    this.#warn(
      `${what} spinner continues, but the next host may not find all processes that this host leaves.`,
    )
  }
}
