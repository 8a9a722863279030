import { randomUUID } from 'node:crypto'
import path from 'node:path'
import { codeOf, messageOf, SpinnerError } from '../errors.ts'
import { type LockFiles, takeFileLockSync } from '../linux/file-lock.ts'
import { describeHost, type HostIdentity, isRunning, sharesPids } from '../linux/host-identity.ts'
import type { Sys } from '../sys.ts'
import type { Leftover } from './reaper.ts'
import { stateHeader } from './state-format.ts'
import { type FoundState, type NewStateFile, readStateFile, removeQuietly, writeNewFile } from './state-io.ts'

/**
 * Makes a state file belong to this host. The state file is its own lock: it names the host that has it. The file of a
 * dead host is renamed, because this host still has to end what is listed there.
 */
export class StateLock implements LockFiles<NewStateFile, FoundState> {
  readonly #sys: Sys
  readonly #file: string
  readonly #host: HostIdentity
  readonly #head: string
  readonly #warn: (message: string) => void

  constructor(sys: Sys, file: string, host: HostIdentity, uuid: string, warn: (message: string) => void) {
    this.#sys = sys
    this.#file = file
    this.#host = host
    this.#head = stateHeader(host, uuid)
    this.#warn = warn
  }

  /** Returns the descriptor of the file, which belongs to this host now. Throws if a living host has it, or gets it. */
  take(): number {
    return takeFileLockSync(this, this.#file).descriptor
  }

  /** Returns what dead hosts left, and removes their other files. Only for the host that has the file. */
  collect(): Leftover[] {
    // A host that still looks at one of these is too late: it will find the file of this host and give up.
    for (const file of [...this.#filesOf('new'), ...this.#filesOf('lock')]) this.remove(file)
    return this.#filesOf('left').flatMap((file) => {
      try {
        return this.#adopt(file)
      } catch (thrown) {
        const what = `The state file '${file}' of an earlier host cannot be used: ${messageOf(thrown)}.`
        this.#warn(`${what} spinner does not end the processes that it may list.`)
        return []
      }
    })
  }

  #filesOf(kind: 'new' | 'lock' | 'left'): string[] {
    const folder = path.dirname(this.#file)
    try {
      const all = this.#sys.fs.readdirSync(folder).map((name) => path.join(folder, name))
      return all.filter((file) => file.startsWith(`${this.#file}.${kind}-`))
    } catch {
      // The host may be out of descriptors. The next host finds the files.
      return []
    }
  }

  #adopt(file: string): Leftover[] {
    const found = this.look(file)
    if (!found) return []
    if ('why' in found) {
      this.#setAside(file, found.why)
      return []
    }
    const { host, processes, uuid } = found.state
    if (sharesPids(host, this.#host)) return [{ file, processes, uuid }]
    this.remove(file)
    return []
  }

  write(): NewStateFile {
    return writeNewFile(this.#sys, this.#file, this.#head)
  }

  close({ descriptor }: NewStateFile): void {
    this.#sys.fs.closeSync(descriptor)
  }

  link(from: string, to: string): void {
    this.#sys.fs.linkSync(from, to)
  }

  remove(file: string): void {
    removeQuietly(this.#sys, file)
  }

  look(name: string): FoundState | null {
    return readStateFile(this.#sys, name)
  }

  nameOfRemoval({ key }: FoundState): string {
    return `${this.#file}.lock-${key}`
  }

  mustBeDead(_name: string, found: FoundState): void {
    if ('why' in found || found.state.isClosed) return
    const { host } = found.state
    if (!sharesPids(host, this.#host) || !isRunning(this.#sys, host)) return
    const who = `${describeHost(host, this.#host)} (pid ${host.pid})`
    const message = `\`id\` is in use by ${who}; close that spinner first, or give another \`id\`.`
    throw new SpinnerError('ERR_SPINNER_INVALID_OPTION', message)
  }

  clear(name: string, found: FoundState): void {
    if ('why' in found) this.#setAside(name, found.why)
    else if (name === this.#file && sharesPids(found.state.host, this.#host))
      this.#sys.fs.renameSync(name, `${name}.left-${found.key}`)
    else this.#sys.fs.unlinkSync(name)
  }

  #setAside(file: string, why: string): void {
    const aside = `${this.#file}.aside-${randomUUID()}`
    try {
      this.#sys.fs.renameSync(file, aside)
    } catch (thrown) {
      throw new Error(`${why}, and it cannot be moved away (${codeOf(thrown) ?? messageOf(thrown)})`)
    }
    const what = `The state file '${file}' cannot be trusted: ${why}.`
    this.#warn(`${what} It is now '${aside}', and spinner does not end the processes that it may list.`)
  }
}
