import { messageOf, SpinnerError } from '../errors.ts'
import { invalid } from '../options/read.ts'
import type { Sys } from '../sys.ts'
import type { Spinner } from '../types/spinner.ts'
import { rewriteBlock } from './conf/edit-block.ts'
import { Unreadable } from './conf/parser.ts'
import { HEADER, renderFile, type Upstream } from './conf/render.ts'
import { bytesOf, type CurrentFile, readCurrent, realPath, replace } from './files/atomic-replace.ts'
import type { HeldLock } from './files/lock.ts'
import { takeLock } from './files/lock.ts'
import { keyOf, type NginxSettings } from './options.ts'

/** What one plugin wants to stand in a file. */
export interface UpstreamSection {
  readonly settings: NginxSettings
  /** As it shall be now. */
  wanted(): Upstream
}

/** Something that was written, and can be put back. */
export interface Change {
  undo(): Promise<void>
}

/** Somebody who changes a file that often does not stop at one more. */
const MOST_TURNS = 20
const BY = 'nginx()'
const SAME = '`mode`, `command`, `config`, `test`, `reload`, `pid`, `debounce` and `timeout`'

/** Which plugin was there first is chance, and no reason to write a file. */
const byUpstream = (a: UpstreamSection, b: UpstreamSection): number =>
  a.settings.upstream < b.settings.upstream ? -1 : 1

/** Files by their real paths. One is for one spinner; its plugins may share it. */
const files = new Map<string, UpstreamFile>()

/** A file that upstreams stand in. Whoever writes it, in this process or in another, holds its lock. */
export class UpstreamFile {
  readonly #sys: Sys
  readonly #owner: Spinner
  readonly #path: string
  /** By upstream. Those that were left stay as they are. */
  readonly #sections = new Map<string, UpstreamSection>()
  readonly #used = new Set<UpstreamSection>()
  #locking: Promise<void> | null = null
  #lock: HeldLock | null = null
  #leaving: Promise<void> | null = null

  private constructor(sys: Sys, owner: Spinner, real: string) {
    this.#sys = sys
    this.#owner = owner
    this.#path = real
  }

  /** Adds a section to a file. It is locked then, and fit to be written; else this throws. */
  static async open(sys: Sys, owner: Spinner, section: UpstreamSection): Promise<UpstreamFile> {
    const { file } = section.settings
    const real = await realPath(sys, file).catch((thrown) => {
      throw invalid([`\`file\` '${file}' cannot be used: ${messageOf(thrown)}`], BY, thrown)
    })
    const known = files.get(real)
    if (known) await known.#leaving
    const shared = files.get(real) ?? new UpstreamFile(sys, owner, real)
    files.set(real, shared)
    await shared.#join(owner, section)
    return shared
  }

  /** Writes what is wanted now; null when that stands there already. */
  async write(): Promise<Change | null> {
    for (let turn = 0; turn < MOST_TURNS; turn++) {
      const before = await readCurrent(this.#sys, this.#path)
      const text = this.#textAfter(before)
      if (text === before.text) return null
      await this.#mustHold()
      if (await replace(this.#sys, before, text)) return { undo: () => this.#undo(before, text) }
    }
    throw new Error(`'${this.#path}' is changed by others all the time`)
  }

  /** The section stays in the file as it is. Without any that is used, and after `work`, the lock is given back. */
  leave(section: UpstreamSection, work: Promise<unknown> | null): void {
    if (work) this.#leaving = Promise.all([this.#leaving, work]).then(() => this.#leave(section))
    else this.#leave(section)
  }

  #leave(section: UpstreamSection): void {
    if (!this.#used.delete(section) || this.#used.size > 0) return
    files.delete(this.#path)
    this.#lock?.release()
  }

  async #join(owner: Spinner, section: UpstreamSection): Promise<void> {
    this.#mustFit(owner, section)
    const { upstream } = section.settings
    this.#sections.set(upstream, section)
    this.#used.add(section)
    try {
      this.#locking ??= this.#take()
      await this.#locking
      this.#textAfter(await readCurrent(this.#sys, this.#path))
    } catch (thrown) {
      this.#sections.delete(upstream)
      this.#leave(section)
      throw thrown
    }
  }

  #mustFit(owner: Spinner, { settings }: UpstreamSection): void {
    const { mode, upstream } = settings
    const where = `\`file\` '${this.#path}'`
    if (owner !== this.#owner)
      throw invalid([`${where} is kept by another spinner of this process; close that one first`], BY)
    const [other] = this.#used
    if (other && (other.settings.mode !== mode || keyOf(other.settings) !== keyOf(settings)))
      throw invalid(
        [`${where} holds '${other.settings.upstream}' too, so ${SAME} must be the same for both`],
        BY,
      )
    const present = this.#sections.get(upstream)
    if (present && this.#used.has(present))
      throw invalid([`\`upstream\` '${upstream}' in ${where} is written by another plugin already`], BY)
  }

  /** A lock that was lost is taken again; where another host keeps it now, nothing is written. */
  async #mustHold(): Promise<void> {
    if (await this.#lock?.isOurs()) return
    this.#lock?.release()
    this.#locking = this.#take()
    await this.#locking
  }

  async #take(): Promise<void> {
    try {
      this.#lock = await takeLock(this.#sys, this.#path)
    } catch (thrown) {
      this.#locking = null
      if (thrown instanceof SpinnerError) throw thrown
      const why = `\`file\` '${this.#path}' cannot be kept, since its folder cannot be written to: ${messageOf(thrown)}`
      throw invalid([why], BY, thrown)
    }
  }

  #textAfter({ text }: CurrentFile): string {
    const sections = [...this.#sections.values()].sort(byUpstream)
    if (sections.some(({ settings }) => settings.mode === 'include')) {
      this.#mustBeOurs(text)
      return bytesOf(renderFile(sections.map((section) => section.wanted())))
    }
    if (text === null)
      throw invalid([`\`file\` '${this.#path}' does not exist; with \`mode: 'block'\` it must`], BY)
    return sections.reduce((result, section) => this.#rewritten(result, section.wanted()), text)
  }

  #rewritten(text: string, { name, servers }: Upstream): string {
    try {
      return rewriteBlock(
        text,
        name,
        servers.map((server) => bytesOf(server.text)),
      )
    } catch (thrown) {
      if (!(thrown instanceof Unreadable)) throw thrown
      const why = `${this.#path}:${thrown.line}: ${thrown.message}; nothing was written`
      throw invalid([why], BY, thrown)
    }
  }

  /** Whoever gives a configuration of their own by mistake must not lose it. */
  #mustBeOurs(text: string | null): void {
    if (text === null || text.trim() === '' || text.startsWith(HEADER)) return
    const what = `\`file\` '${this.#path}' was not written by spinner, and is left alone`
    throw invalid([`${what}; give another one, or \`mode: 'block'\` to change one block of it`], BY)
  }

  /** Only where it still stands: what somebody else wrote since is not touched. */
  async #undo(before: CurrentFile, text: string): Promise<void> {
    const now = await readCurrent(this.#sys, this.#path)
    if (now.text !== text || !(await this.#lock?.isOurs())) return
    if (before.text === null) await this.#sys.fs.promises.unlink(now.path)
    else await replace(this.#sys, now, before.text)
  }
}
