import { messageOf } from '../errors.ts'
import { type Deferred, deferred } from '../promises.ts'
import type { Clock, Sys } from '../sys.ts'
import type { Child } from '../types/child.ts'
import { NginxNotRunning } from './control/command.ts'
import { type OldWorkers, reloadNginx, testNginx } from './control/reload.ts'
import { type NginxSettings, nginxKey } from './options.ts'
import type { Change, UpstreamFile, UpstreamSection } from './upstream-file.ts'

/** Maximum length of a burst of changes, in multiples of `debounce`. A burst that goes on is written by then. */
const MAX_PAUSES = 10
/** Minimum milliseconds between two reloads while old workers are alive; faster reloads would pile them up (docs/hazards.md#h48). */
const MIN_RELOAD_INTERVAL_MS = 1_000
const OLD_WORKERS_POLL_MS = 25
/** Milliseconds until a failed pass is tried again, because the next change may be a day away. */
export const RETRY_MS = 60_000

/** Outcome of a pass. */
export interface SyncResult {
  /** True if nginx was reloaded. */
  readonly isApplied: boolean
  /** Resolves when no worker of nginx uses the state before the pass, or when the signal is aborted. */
  oldWorkersExited(signal: AbortSignal): Promise<void>
}

interface Batch extends Deferred<SyncResult> {
  readonly first: number
  last: number
  /** Child that reports the errors of the pass. */
  child: Child | null
}

const UNCHANGED: SyncResult = { isApplied: false, oldWorkersExited: async () => {} }

/** Syncs by what they run, so that plugins that write for the same nginx share its reloads. */
const syncs = new Map<string, Sync>()

/** Writes the files of one nginx and reloads it: in one pass at a time, with at most one more pending. */
export class Sync {
  readonly #sys: Sys
  readonly #settings: NginxSettings
  readonly #key: string
  /** Files with the number of plugins that use each. */
  readonly #files = new Map<UpstreamFile, number>()
  readonly #errors = new ErrorReporter()
  #pending: Batch | null = null
  #running: Promise<void> | null = null
  /** True if something was written that nginx has not loaded yet. */
  #isReloadOwed = false
  /** True if the last pass has failed. An nginx that does not run is not a failure. */
  #hasFailed = false
  #oldWorkers: OldWorkers | null = null
  #reloadedAt = Number.NEGATIVE_INFINITY
  #retry: unknown = null

  private constructor(sys: Sys, settings: NginxSettings, key: string) {
    this.#sys = sys
    this.#settings = settings
    this.#key = key
  }

  /** Returns the sync for these settings. */
  static of(sys: Sys, settings: NginxSettings): Sync {
    const key = nginxKey(settings)
    const known = syncs.get(key)
    if (known && known.#sys === sys) return known
    const made = new Sync(sys, settings, key)
    syncs.set(key, made)
    return made
  }

  /** True if no pass runs and the last one did all of its work. */
  get isSettled(): boolean {
    return this.#running === null && !this.#hasFailed
  }

  add(file: UpstreamFile): void {
    this.#files.set(file, (this.#files.get(file) ?? 0) + 1)
  }

  /** Removes a plugin. The running passes finish before its file is released. */
  leave(file: UpstreamFile, section: UpstreamSection): void {
    const work = this.#running
    file.leave(section, work)
    if (work) void work.then(() => this.#remove(file))
    else this.#remove(file)
  }

  #remove(file: UpstreamFile): void {
    const users = (this.#files.get(file) ?? 1) - 1
    if (users > 0) this.#files.set(file, users)
    else this.#files.delete(file)
    if (this.#files.size > 0) return
    this.#sys.clock.clearTimeout(this.#retry)
    if (syncs.get(this.#key) === this) syncs.delete(this.#key)
  }

  /** Requests a pass after a change. Resolves when nginx serves by it, or when the pass has failed and the error is reported. */
  request(child: Child | null): Promise<SyncResult> {
    const now = this.#sys.clock.now()
    this.#pending ??= { ...deferred<SyncResult>(), first: now, last: now, child }
    this.#pending.last = now
    this.#pending.child = child ?? this.#pending.child
    const { promise } = this.#pending
    this.#running ??= this.#run()
    return promise
  }

  async #run(): Promise<void> {
    const letHostGo = this.#sys.hold()
    this.#sys.clock.clearTimeout(this.#retry)
    while (this.#pending) {
      await this.#untilDue(this.#pending)
      const batch = this.#pending
      this.#pending = null
      batch.resolve(await this.#pass(batch))
    }
    this.#running = null
    if (this.#hasFailed && this.#files.size > 0)
      this.#retry = this.#sys.clock.setTimeout(() => void this.request(null), RETRY_MS)
    letHostGo()
  }

  /** Waits for the end of a burst, and for old workers if there was a reload just before. */
  async #untilDue(batch: Batch): Promise<void> {
    const { clock } = this.#sys
    const pause = this.#settings.debounce * 1_000
    for (;;) {
      const left = Math.min(batch.last + pause, batch.first + MAX_PAUSES * pause) - clock.now()
      if (left > 0) await delay(clock, left)
      else if (await this.#mustWaitForWorkers()) await this.#sys.pause(OLD_WORKERS_POLL_MS)
      else return
    }
  }

  async #mustWaitForWorkers(): Promise<boolean> {
    if (!this.#oldWorkers || this.#sys.clock.now() >= this.#reloadedAt + MIN_RELOAD_INTERVAL_MS) return false
    return this.#oldWorkers.areAlive().catch(() => false)
  }

  async #pass({ child }: Batch): Promise<SyncResult> {
    const errors: Error[] = []
    const result = await this.#apply(errors).catch((thrown) => {
      errors.push(toError(thrown))
      return UNCHANGED
    })
    // A pass with nothing to do does not show whether nginx runs.
    if (errors.length === 0 && (result.isApplied || this.#hasFailed)) this.#errors.clear()
    this.#hasFailed = errors.some((error) => !(error instanceof NginxNotRunning))
    for (const error of errors) this.#errors.report(error, child)
    // The pass before may have failed for this child too, without a child that could report it.
    if (child) this.#errors.reportPending(child)
    return result
  }

  async #apply(errors: Error[]): Promise<SyncResult> {
    const changes: Change[] = []
    for (const file of this.#files.keys()) {
      await file.write().then(
        (change) => change && changes.push(change),
        (thrown) => errors.push(toError(thrown)),
      )
    }
    if (changes.length === 0 && !this.#isReloadOwed) return UNCHANGED
    await this.#test(changes)
    this.#isReloadOwed = true
    this.#oldWorkers = await reloadNginx(this.#sys, this.#settings).catch((thrown) => {
      if (thrown instanceof NginxNotRunning) this.#isReloadOwed = false
      throw thrown
    })
    this.#isReloadOwed = false
    this.#reloadedAt = this.#sys.clock.now()
    return { isApplied: true, oldWorkersExited: this.#oldWorkers.exited }
  }

  async #test(changes: readonly Change[]): Promise<void> {
    try {
      await testNginx(this.#sys, this.#settings)
    } catch (thrown) {
      if (!(thrown instanceof NginxNotRunning)) await this.#undo(changes)
      throw thrown
    }
  }

  async #undo(changes: readonly Change[]): Promise<void> {
    for (const change of changes) {
      await change.undo().catch(() => {
        // The change is still in the file, so the next pass must test it again.
        this.#isReloadOwed = true
      })
    }
  }
}

const toError = (thrown: unknown): Error => (thrown instanceof Error ? thrown : new Error(messageOf(thrown)))

const delay = (clock: Clock, ms: number): Promise<void> =>
  new Promise((resolve) => void clock.setTimeout(() => resolve(), ms))

/** Reports each error once, as the `error` event of a child, until a pass succeeds. */
class ErrorReporter {
  readonly #reported = new Set<string>()
  /** An error that no child could report yet. */
  #pending: Error | null = null

  /**
   * Reports an error. Without a child, the error waits for the next one. A stopping child does not report that nginx is not
   * running: nginx may have ended before it, in the same shutdown.
   */
  report(error: Error, child: Child | null): void {
    // The reason why nginx does not run differs from time to time, but the problem is the same.
    const problem = error instanceof NginxNotRunning ? error.code : error.message
    if (this.#reported.has(problem)) return
    if (!child || (error instanceof NginxNotRunning && child.state === 'stopping')) {
      this.#pending = error
      return
    }
    this.#pending = null
    this.#reported.add(problem)
    child.reportError(error)
  }

  reportPending(child: Child): void {
    if (this.#pending) this.report(this.#pending, child)
  }

  /** Forgets everything, because all is well. */
  clear(): void {
    this.#reported.clear()
    this.#pending = null
  }
}
