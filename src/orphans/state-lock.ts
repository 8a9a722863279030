import { randomUUID } from 'node:crypto'
import path from 'node:path'
import { codeOf, messageOf, SpinnerError } from '../errors.ts'
import { type Host, sharesNumbers, stillRuns } from '../linux/host-identity.ts'
import type { Sys } from '../sys.ts'
import type { Leftover } from './reaper.ts'
import { stateHeader } from './state-format.ts'
import { type Found, look, remove, writeFresh } from './state-io.ts'

/** Each turn but the last has seen somebody else come further. */
const MOST_TURNS = 100
/** Somebody has it already, or the name that it was written under was tidied away. */
const LOST = new Set(['EEXIST', 'ENOENT'])

/**
 * Makes a state file ours. `link` gives a name to one host only, and what it names is whole from the first moment.
 * What a dead host left stands in the way; it is moved by whoever holds the lock of that very file, which no later
 * file shares, and only after a look under the lock. A lock of a dead host is moved in the same way.
 */
export class Claim {
  readonly #sys: Sys
  readonly #file: string
  readonly #host: Host
  readonly #head: string
  readonly #warn: (message: string) => void

  constructor(sys: Sys, file: string, host: Host, uuid: string, warn: (message: string) => void) {
    this.#sys = sys
    this.#file = file
    this.#host = host
    this.#head = stateHeader(host, uuid)
    this.#warn = warn
  }

  /** The descriptor of the file, which is ours from now on. Throws when it is, or becomes, another living host's. */
  take(): number {
    for (let turn = 0; turn < MOST_TURNS; turn++) {
      const descriptor = this.#link(this.#file)
      if (descriptor !== null) return descriptor
      const found = look(this.#sys, this.#file)
      if (found) this.#clear(this.#file, found)
    }
    throw new Error('other hosts keep changing it')
  }

  /** What dead hosts left, for the one who holds the file; the rest of their names is tidied away. */
  collect(): Leftover[] {
    // Who still looks at one of these is too late: it will find our file and give up.
    for (const file of [...this.#beside('new'), ...this.#beside('lock')]) remove(this.#sys, file)
    return this.#beside('left').flatMap((file) => {
      try {
        return this.#adopt(file)
      } catch (thrown) {
        this.#warn(`What an earlier host left in '${file}' stays there: ${messageOf(thrown)}.`)
        return []
      }
    })
  }

  #beside(kind: 'new' | 'lock' | 'left'): string[] {
    const folder = path.dirname(this.#file)
    try {
      const all = this.#sys.fs.readdirSync(folder).map((name) => path.join(folder, name))
      return all.filter((file) => file.startsWith(`${this.#file}.${kind}-`))
    } catch {
      // Out of descriptors, say. It is there for the next host.
      return []
    }
  }

  #adopt(file: string): Leftover[] {
    const found = look(this.#sys, file)
    if (!found) return []
    if ('why' in found) {
      this.#setAside(file, found.why)
      return []
    }
    const { host, processes, uuid } = found.state
    if (sharesNumbers(host, this.#host)) return [{ file, processes, uuid }]
    remove(this.#sys, file)
    return []
  }

  #link(name: string): number | null {
    const { fs } = this.#sys
    const fresh = writeFresh(this.#sys, this.#file, this.#head)
    try {
      fs.linkSync(fresh.path, name)
      return fresh.descriptor
    } catch (thrown) {
      fs.closeSync(fresh.descriptor)
      if (!LOST.has(codeOf(thrown) ?? '')) throw thrown
      return null
    } finally {
      remove(this.#sys, fresh.path)
    }
  }

  /** Has a name freed of what must not stand there; not at once where others are at it. */
  #clear(name: string, found: Found): void {
    this.#mustBeDead(found)
    const lock = `${this.#file}.lock-${found.key}`
    const descriptor = this.#link(lock)
    if (descriptor === null) {
      const holder = look(this.#sys, lock)
      if (holder) this.#clear(lock, holder)
      return
    }
    this.#sys.fs.closeSync(descriptor)
    try {
      if (look(this.#sys, name)?.key === found.key) this.#move(name, found)
    } finally {
      remove(this.#sys, lock)
    }
  }

  #mustBeDead(found: Found): void {
    if ('why' in found || found.state.isClosed) return
    const { host } = found.state
    if (sharesNumbers(host, this.#host) && stillRuns(this.#sys, host)) throw inUse(host, this.#host)
  }

  #move(name: string, found: Found): void {
    if ('why' in found) this.#setAside(name, found.why)
    else if (name === this.#file && sharesNumbers(found.state.host, this.#host))
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
    this.#warn(`${what} It is now '${aside}', and nothing was done about what it may have told of.`)
  }
}

function inUse(other: Host, own: Host): SpinnerError {
  const who =
    other.pid === own.pid ? 'another spinner of this process' : `process ${other.pid}, which still runs`
  const message = `\`id\` is in use by ${who} (pid ${other.pid}); close that spinner first, or give another \`id\`.`
  return new SpinnerError('ERR_SPINNER_INVALID_OPTION', message)
}
