import { messageOf, SpinnerError } from '../errors.ts'
import { invalid } from '../options/read.ts'
import type { Sys } from '../sys.ts'
import type { Spinner } from '../types/spinner.ts'
import { rewriteBlock } from './conf/edit-block.ts'
import { NginxConfError } from './conf/parser.ts'
import { HEADER, renderFile, type UpstreamBlock } from './conf/render.ts'
import { bytesOf, type CurrentFile, readCurrent, realPath, replace } from './files/atomic-replace.ts'
import type { HeldLock } from './files/lock.ts'
import { takeLock } from './files/lock.ts'
import { type NginxSettings, nginxKey } from './options.ts'

/** Part of a file that one plugin writes. */
export interface UpstreamSection {
  readonly settings: NginxSettings
  /** Returns the upstream as it must be now. */
  wanted(): UpstreamBlock
}

/** A change of a file that can be undone. */
export interface Change {
  undo(): Promise<void>
}

/** Maximum number of attempts to write a file that another program changes at the same time. */
const MAX_ATTEMPTS = 20
const CALLER = 'nginx()'
const SHARED_OPTIONS = '`mode`, `command`, `config`, `test`, `reload`, `pid`, `debounce` and `timeout`'

/** Orders sections by upstream. Another order of the plugins must not be a reason to write the file. */
const byUpstream = (a: UpstreamSection, b: UpstreamSection): number =>
  a.settings.upstream < b.settings.upstream ? -1 : 1

/** Open files by their real paths. A file belongs to one spinner, whose plugins can share it. */
const files = new Map<string, UpstreamFile>()

/** A file with upstreams. Each host that writes it, in this process or in another, holds its lock. */
export class UpstreamFile {
  readonly #sys: Sys
  readonly #owner: Spinner
  readonly #path: string
  /** Sections by upstream. The sections of removed plugins stay in the file as they are. */
  readonly #sections = new Map<string, UpstreamSection>()
  /** Sections whose plugins are present. */
  readonly #used = new Set<UpstreamSection>()
  #locking: Promise<void> | null = null
  #lock: HeldLock | null = null
  #leaving: Promise<void> | null = null

  private constructor(sys: Sys, owner: Spinner, real: string) {
    this.#sys = sys
    this.#owner = owner
    this.#path = real
  }

  /** Adds a section to a file and locks the file. Throws if the file cannot be locked or written. */
  static async open(sys: Sys, owner: Spinner, section: UpstreamSection): Promise<UpstreamFile> {
    const { file } = section.settings
    const real = await realPath(sys, file).catch((thrown) => {
      throw invalid([`\`file\` '${file}' cannot be used: ${messageOf(thrown)}`], CALLER, thrown)
    })
    const known = files.get(real)
    if (known) await known.#leaving
    const shared = files.get(real) ?? new UpstreamFile(sys, owner, real)
    files.set(real, shared)
    await shared.#join(owner, section)
    return shared
  }

  /** Writes the file as it must be now. Returns null if it is already so. */
  async write(): Promise<Change | null> {
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const before = await readCurrent(this.#sys, this.#path)
      const text = this.#textAfter(before)
      if (text === before.text) return null
      await this.#ensureLock()
      if (await replace(this.#sys, before, text)) return { undo: () => this.#undo(before, text) }
    }
    throw new Error(`'${this.#path}' could not be written, because another program changes it all the time`)
  }

  /** Leaves a section in the file as it is. Releases the lock after `work` if no other section is used. */
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
    this.#assertFits(owner, section)
    const { upstream } = section.settings
    this.#sections.set(upstream, section)
    this.#used.add(section)
    try {
      this.#locking ??= this.#takeLock()
      await this.#locking
      this.#textAfter(await readCurrent(this.#sys, this.#path))
    } catch (thrown) {
      this.#sections.delete(upstream)
      this.#leave(section)
      throw thrown
    }
  }

  #assertFits(owner: Spinner, { settings }: UpstreamSection): void {
    const { mode, upstream } = settings
    const where = `\`file\` '${this.#path}'`
    if (owner !== this.#owner)
      throw invalid([`${where} is used by another spinner of this process; close that spinner first`], CALLER)
    const [other] = this.#used
    if (other && (other.settings.mode !== mode || nginxKey(other.settings) !== nginxKey(settings)))
      throw invalid(
        [
          `${where} also contains '${other.settings.upstream}', so ${SHARED_OPTIONS} must be the same for both`,
        ],
        CALLER,
      )
    const present = this.#sections.get(upstream)
    if (present && this.#used.has(present))
      throw invalid([`\`upstream\` '${upstream}' in ${where} is already written by another plugin`], CALLER)
  }

  /** Takes a lost lock again. Throws if another host holds it now. */
  async #ensureLock(): Promise<void> {
    if (await this.#lock?.isOurs()) return
    this.#lock?.release()
    this.#locking = this.#takeLock()
    await this.#locking
  }

  async #takeLock(): Promise<void> {
    try {
      this.#lock = await takeLock(this.#sys, this.#path)
    } catch (thrown) {
      this.#locking = null
      if (thrown instanceof SpinnerError) throw thrown
      const why = `\`file\` '${this.#path}' cannot be used, because its directory is not writable: ${messageOf(thrown)}`
      throw invalid([why], CALLER, thrown)
    }
  }

  #textAfter({ text }: CurrentFile): string {
    const sections = [...this.#sections.values()].sort(byUpstream)
    if (sections.some(({ settings }) => settings.mode === 'include')) {
      this.#assertOurs(text)
      return bytesOf(renderFile(sections.map((section) => section.wanted())))
    }
    if (text === null)
      throw invalid([`\`file\` '${this.#path}' does not exist; with \`mode: 'block'\` it must exist`], CALLER)
    return sections.reduce((result, section) => this.#withBlock(result, section.wanted()), text)
  }

  #withBlock(text: string, { name, servers }: UpstreamBlock): string {
    try {
      return rewriteBlock(
        text,
        name,
        servers.map((server) => bytesOf(server.text)),
      )
    } catch (thrown) {
      if (!(thrown instanceof NginxConfError)) throw thrown
      const why = `${this.#path}:${thrown.line}: ${thrown.message}; spinner did not change the file`
      throw invalid([why], CALLER, thrown)
    }
  }

  /** Protects a configuration that was given as `file` by mistake. */
  #assertOurs(text: string | null): void {
    if (text === null || text.trim() === '' || text.startsWith(HEADER)) return
    const why = `\`file\` '${this.#path}' was not written by spinner, so spinner does not overwrite it`
    const remedy = "choose another file, or `mode: 'block'` to change one block of this one"
    throw invalid([`${why}; ${remedy}`], CALLER)
  }

  /** Restores the text from before, unless another program has changed the file meanwhile. */
  async #undo(before: CurrentFile, text: string): Promise<void> {
    const now = await readCurrent(this.#sys, this.#path)
    if (now.text !== text || !(await this.#lock?.isOurs())) return
    if (before.text === null) await this.#sys.fs.promises.unlink(now.path)
    else await replace(this.#sys, now, before.text)
  }
}
