import { messageOf } from '../errors.ts'
import { invalid } from '../options/read.ts'
import { untilAborted } from '../promises.ts'
import type { Sys } from '../sys.ts'
import type { Child, ChildState } from '../types/child.ts'
import type { Spinner } from '../types/spinner.ts'
import { NO_SERVERS, type Server, serverAt, type Upstream } from './conf/render.ts'
import { isMember, type NginxSettings } from './options.ts'
import { RETRY_MS, Sync } from './sync.ts'
import { UpstreamFile, type UpstreamSection } from './upstream-file.ts'

interface Member extends Server {
  readonly name: string
  /** The next process will have its address too, so that a restart is no concern of nginx's. */
  readonly isSocket: boolean
}

/** The file while it is ours, and what keeps it. */
interface Kept {
  readonly file: UpstreamFile
  readonly sync: Sync
}

/** nginx takes servers in the order of the file, which must not depend on who was ready first. */
const byName = new Intl.Collator('en', { numeric: true })

/** The children in one upstream: who stands in it, from when on and until when. */
export class NginxPlugin implements UpstreamSection {
  readonly settings: NginxSettings
  readonly #sys: Sys
  readonly #members = new Map<string, Member>()
  #spinner: Spinner | null = null
  #opening: Promise<UpstreamFile> | null = null
  #kept: Kept | null = null
  /** Why the file cannot be had, as it was told last. */
  #refused = ''
  #retry: unknown = null

  constructor(sys: Sys, settings: NginxSettings) {
    this.#sys = sys
    this.settings = settings
  }

  wanted(): Upstream {
    const { backup, directives, params, upstream: name } = this.settings
    const members = [...this.#members.values()].sort((a, b) => byName.compare(a.name, b.name))
    const servers: Server[] = members.length > 0 ? members : [NO_SERVERS]
    if (backup === null) return { name, directives, servers }
    const target = typeof backup === 'string' ? { socketPath: backup } : { host: '127.0.0.1', port: backup }
    const last = { text: serverAt(target, `${params} backup`.trim(), 'backup'), name: null }
    return { name, directives, servers: [...servers, last] }
  }

  async setup(spinner: Spinner): Promise<void> {
    if (this.#spinner) throw invalid(['a plugin is for one spinner; call nginx() once for each'], 'nginx()')
    this.#spinner = spinner
    spinner.on('state', this.#onState)
    for (const name of Object.keys(spinner.list())) {
      const child = spinner.child(name)
      if (child?.state === 'started') this.#take(child)
    }
    await this.#begin(spinner)
  }

  async ready(child: Child): Promise<void> {
    // One that another spinner was told of by mistake is none of ours.
    if (this.#spinner?.child(child.name) !== child) return
    const isNews = this.#take(child)
    const isLate = this.#kept === null
    if (isNews === null || !(await this.#isOpen(this.#spinner))) return
    if (isNews || isLate || !this.#kept?.sync.isSettled) await this.#kept?.sync.request(child)
  }

  async drain(child: Child, signal: AbortSignal): Promise<void> {
    // The state is shown outside when the step that calls this is complete.
    await Promise.resolve()
    const member = this.#members.get(child.name)
    if (!member || (member.isSocket && child.state === 'restart')) return
    this.#members.delete(child.name)
    if (!this.#kept) return
    try {
      const outcome = await untilAborted(this.#kept.sync.request(child), signal)
      await outcome.left(signal)
      if (outcome.isApplied) await this.#grace(signal)
    } catch (thrown) {
      if (!signal.aborted) throw thrown
    }
  }

  close(): void {
    this.#spinner?.off('state', this.#onState)
    this.#spinner = null
    this.#sys.clock.clearTimeout(this.#retry)
    const [opening, kept] = [this.#opening, this.#kept]
    this.#opening = null
    this.#kept = null
    if (kept) kept.sync.leave(kept.file, this)
    else void opening?.then((file) => file.leave(this, null)).catch(() => {})
  }

  /** After a crash nothing is drained. The line of one that does not come back goes when that is known. */
  readonly #onState = (child: Child, to: ChildState): void => {
    if (to !== 'faulted' && to !== 'stopped') return
    if (this.#members.delete(child.name)) void this.#kept?.sync.request(child)
  }

  /** Whether what nginx must know of a child is new; null when it is none of ours. */
  #take(child: Child): boolean | null {
    const { name, target } = child
    if (target === null || !isMember(child, this.settings.children)) return null
    const text = serverAt(target, this.settings.params, name)
    if (this.#members.get(name)?.text === text) return false
    this.#members.set(name, { name, text, isSocket: 'socketPath' in target })
    return true
  }

  /** The same refusal is told once. */
  async #isOpen(spinner: Spinner): Promise<boolean> {
    try {
      await this.#open(spinner)
      return true
    } catch (thrown) {
      const message = messageOf(thrown)
      if (message === this.#refused) return false
      this.#refused = message
      throw thrown
    }
  }

  async #begin(spinner: Spinner): Promise<void> {
    await this.#open(spinner)
    await this.#kept?.sync.request(null)
  }

  async #open(spinner: Spinner): Promise<void> {
    this.#opening ??= UpstreamFile.open(this.#sys, spinner, this)
    const opening = this.#opening
    try {
      const file = await opening
      if (this.#opening !== opening || this.#kept) return
      this.#kept = { file, sync: Sync.of(this.#sys, this.settings) }
      this.#kept.sync.add(file)
      this.#refused = ''
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
    // Why it still cannot be had is told to the next child that becomes ready.
    this.#retry = clock.setTimeout(() => void this.#begin(spinner).catch(() => {}), RETRY_MS)
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
