import { messageOf } from '../errors.ts'
import { invalid } from '../options/read.ts'
import { untilAborted } from '../promises.ts'
import type { Sys } from '../sys.ts'
import type { Child, ChildState } from '../types/child.ts'
import type { Spinner } from '../types/spinner.ts'
import { NO_SERVERS, type ServerLine, serverDirective, type UpstreamBlock } from './conf/render.ts'
import { isMember, type NginxSettings } from './options.ts'
import { RETRY_MS, Sync } from './sync.ts'
import { UpstreamFile, type UpstreamSection } from './upstream-file.ts'

/** A child in the upstream. */
interface Member extends ServerLine {
  readonly child: string
  /** True if the next process gets the same address, so that nginx need not know of a restart. */
  readonly isSocket: boolean
}

/** The file while the plugin holds it, and the passes that write it. */
interface OpenFile {
  readonly file: UpstreamFile
  readonly sync: Sync
}

/** Orders children by name. The order of the file must not depend on which child is ready first. */
const byName = new Intl.Collator('en', { numeric: true })

/** Keeps the children of one upstream in a file, from the moment each is ready until it is drained. */
export class NginxPlugin implements UpstreamSection {
  readonly settings: NginxSettings
  readonly #sys: Sys
  readonly #members = new Map<string, Member>()
  #spinner: Spinner | null = null
  #opening: Promise<UpstreamFile> | null = null
  #open: OpenFile | null = null
  /** Last reported reason why the file cannot be opened. */
  #lastRefusal = ''
  #retry: unknown = null

  constructor(sys: Sys, settings: NginxSettings) {
    this.#sys = sys
    this.settings = settings
  }

  wanted(): UpstreamBlock {
    const { backup, directives, params, upstream: name } = this.settings
    const members = [...this.#members.values()].sort((a, b) => byName.compare(a.child, b.child))
    const servers: ServerLine[] = members.length > 0 ? members : [NO_SERVERS]
    if (backup === null) return { name, directives, servers }
    const target = typeof backup === 'string' ? { socketPath: backup } : { host: '127.0.0.1', port: backup }
    const last = { text: serverDirective(target, `${params} backup`.trim(), 'backup'), child: null }
    return { name, directives, servers: [...servers, last] }
  }

  async setup(spinner: Spinner): Promise<void> {
    if (this.#spinner) throw invalid(['a plugin is for one spinner; call nginx() once for each'], 'nginx()')
    this.#spinner = spinner
    spinner.on('state', this.#onState)
    for (const name of Object.keys(spinner.list())) {
      const child = spinner.child(name)
      if (child?.state === 'started') this.#addMember(child)
    }
    await this.#openAndSync(spinner)
  }

  async ready(child: Child): Promise<void> {
    // Ignore the children of another spinner that the plugin was added to by mistake.
    if (this.#spinner?.child(child.name) !== child) return
    const isChanged = this.#addMember(child)
    const wasOpen = this.#open !== null
    if (isChanged === null || !(await this.#tryToOpen(this.#spinner))) return
    if (isChanged || !wasOpen || !this.#open?.sync.isSettled) await this.#open?.sync.request(child)
  }

  async drain(child: Child, signal: AbortSignal): Promise<void> {
    const member = this.#members.get(child.name)
    if (!member || (member.isSocket && child.state === 'restart')) return
    this.#members.delete(child.name)
    if (!this.#open) return
    try {
      const result = await untilAborted(this.#open.sync.request(child), signal)
      await result.oldWorkersExited(signal)
      if (result.isApplied) await this.#grace(signal)
    } catch (thrown) {
      if (!signal.aborted) throw thrown
    }
  }

  close(): void {
    this.#spinner?.off('state', this.#onState)
    this.#spinner = null
    this.#sys.clock.clearTimeout(this.#retry)
    const [opening, open] = [this.#opening, this.#open]
    this.#opening = null
    this.#open = null
    if (open) open.sync.leave(open.file, this)
    else void opening?.then((file) => file.leave(this, null)).catch(() => {})
  }

  /** Removes a crashed child once it is clear that it does not come back, because a crash is not drained. */
  readonly #onState = (child: Child, to: ChildState): void => {
    if (to !== 'faulted' && to !== 'stopped') return
    if (this.#members.delete(child.name)) void this.#open?.sync.request(child)
  }

  /** Returns whether nginx must learn something new about the child; null if it is not in the upstream. */
  #addMember(child: Child): boolean | null {
    const { name, target } = child
    if (target === null || !isMember(child, this.settings.children)) return null
    const text = serverDirective(target, this.settings.params, name)
    if (this.#members.get(name)?.text === text) return false
    this.#members.set(name, { child: name, text, isSocket: 'socketPath' in target })
    return true
  }

  /** Returns whether the file is open. Throws the reason why it is not, unless it was the same the last time. */
  async #tryToOpen(spinner: Spinner): Promise<boolean> {
    try {
      await this.#openFile(spinner)
      return true
    } catch (thrown) {
      const message = messageOf(thrown)
      if (message === this.#lastRefusal) return false
      this.#lastRefusal = message
      throw thrown
    }
  }

  async #openAndSync(spinner: Spinner): Promise<void> {
    await this.#openFile(spinner)
    await this.#open?.sync.request(null)
  }

  async #openFile(spinner: Spinner): Promise<void> {
    this.#opening ??= UpstreamFile.open(this.#sys, spinner, this)
    const opening = this.#opening
    try {
      const file = await opening
      if (this.#opening !== opening || this.#open) return
      this.#open = { file, sync: Sync.of(this.#sys, this.settings) }
      this.#open.sync.add(file)
      this.#lastRefusal = ''
      this.#sys.clock.clearTimeout(this.#retry)
    } catch (thrown) {
      if (this.#opening === opening) this.#openLater(spinner)
      throw thrown
    }
  }

  #openLater(spinner: Spinner): void {
    const { clock } = this.#sys
    this.#opening = null
    clock.clearTimeout(this.#retry)
    // Drop the error: the next child that becomes ready reports it.
    this.#retry = clock.setTimeout(() => void this.#openAndSync(spinner).catch(() => {}), RETRY_MS)
  }

  #grace(signal: AbortSignal): Promise<void> {
    const { clock } = this.#sys
    return new Promise((resolve) => {
      const done = (): void => {
        clock.clearTimeout(timer)
        signal.removeEventListener('abort', done)
        resolve()
      }
      const timer = clock.setTimeout(done, this.settings.grace * 1_000)
      signal.addEventListener('abort', done)
      if (signal.aborted) done()
    })
  }
}
