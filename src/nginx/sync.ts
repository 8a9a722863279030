import { messageOf } from '../errors.ts'
import { type Deferred, deferred } from '../promises.ts'
import type { Clock, Sys } from '../sys.ts'
import type { Child } from '../types/child.ts'
import { NginxNotRunning } from './control/command.ts'
import { type OldWorkers, reloadNginx, testNginx } from './control/reload.ts'
import { keyOf, type NginxSettings } from './options.ts'
import type { Change, UpstreamFile, UpstreamSection } from './upstream-file.ts'

/** A burst that does not end is not waited for longer than so many pauses. */
const MOST_PAUSES = 10
/** Reloads that follow each other while old workers still live would pile these up (docs/hazards.md#h48). */
const FLOOR_MS = 1_000
const LOOK_MS = 25
/** What failed is tried again, since nobody may change anything for a day. */
export const RETRY_MS = 60_000

/** What became of a change. */
export interface SyncResult {
  /** Whether nginx was told of it. */
  readonly isApplied: boolean
  /** Resolves when no worker of nginx works by what was there before, or with the signal. */
  left(signal: AbortSignal): Promise<void>
}

interface Batch extends Deferred<SyncResult> {
  readonly first: number
  last: number
  /** Who hears what goes wrong. */
  child: Child | null
}

const UNCHANGED: SyncResult = { isApplied: false, left: async () => {} }

/** Syncs by what they run: plugins that write for the same nginx share its reloads. */
const syncs = new Map<string, Sync>()

/** Keeps the files of one nginx as they are wanted, and nginx informed: one pass at a time, with one pending. */
export class Sync {
  readonly #sys: Sys
  readonly #settings: NginxSettings
  readonly #key: string
  readonly #files = new Map<UpstreamFile, number>()
  #pending: Batch | null = null
  #running: Promise<void> | null = null
  /** Whether something was written that nginx has not taken yet. */
  #isReloadOwed = false
  /** Whether the last pass did not do all that was wanted. */
  #hasFailed = false
  #old: OldWorkers | null = null
  #reloadedAt = Number.NEGATIVE_INFINITY
  #retry: unknown = null
  readonly #told = new ErrorReporter()

  private constructor(sys: Sys, settings: NginxSettings, key: string) {
    this.#sys = sys
    this.#settings = settings
    this.#key = key
  }

  /** The one for these settings. */
  static of(sys: Sys, settings: NginxSettings): Sync {
    const key = keyOf(settings)
    const known = syncs.get(key)
    if (known && known.#sys === sys) return known
    const made = new Sync(sys, settings, key)
    syncs.set(key, made)
    return made
  }

  /** Whether there is nothing to be done. */
  get isSettled(): boolean {
    return this.#running === null && !this.#hasFailed
  }

  add(file: UpstreamFile): void {
    this.#files.set(file, (this.#files.get(file) ?? 0) + 1)
  }

  /** A plugin goes. What is under way is finished before its file is given back. */
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

  /** Something has changed; resolves when nginx serves by it, or when that failed and was told. */
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
    const letGo = this.#sys.hold()
    this.#sys.clock.clearTimeout(this.#retry)
    while (this.#pending) {
      await this.#quiet(this.#pending)
      const batch = this.#pending
      this.#pending = null
      batch.resolve(await this.#pass(batch))
    }
    this.#running = null
    if (this.#hasFailed && this.#files.size > 0)
      this.#retry = this.#sys.clock.setTimeout(() => void this.request(null), RETRY_MS)
    letGo()
  }

  /** Waits for the end of a burst, and for old workers where there have just been some. */
  async #quiet(batch: Batch): Promise<void> {
    const { clock } = this.#sys
    const pause = this.#settings.debounce * 1_000
    for (;;) {
      const left = Math.min(batch.last + pause, batch.first + MOST_PAUSES * pause) - clock.now()
      if (left > 0) await wake(clock, left)
      else if (await this.#pilesUp()) await this.#sys.pause(LOOK_MS)
      else return
    }
  }

  async #pilesUp(): Promise<boolean> {
    if (!this.#old || this.#sys.clock.now() >= this.#reloadedAt + FLOOR_MS) return false
    return this.#old.remain().catch(() => false)
  }

  async #pass({ child }: Batch): Promise<SyncResult> {
    const errors: Error[] = []
    const outcome = await this.#apply(errors).catch((thrown) => {
      errors.push(asError(thrown))
      return UNCHANGED
    })
    // That nothing had to be done says nothing of an nginx that is not there.
    if (errors.length === 0 && (outcome.isApplied || this.#hasFailed)) this.#told.allIsWell()
    this.#hasFailed = errors.some((error) => !(error instanceof NginxNotRunning))
    for (const error of errors) this.#told.tell(error, child)
    // The pass before may have done what this one was asked for, and had nobody to tell.
    if (child) this.#told.catchUp(child)
    return outcome
  }

  async #apply(errors: Error[]): Promise<SyncResult> {
    const changes: Change[] = []
    for (const file of this.#files.keys()) {
      await file.write().then(
        (change) => change && changes.push(change),
        (thrown) => errors.push(asError(thrown)),
      )
    }
    if (changes.length === 0 && !this.#isReloadOwed) return UNCHANGED
    await this.#mustPass(changes)
    this.#isReloadOwed = true
    this.#old = await reloadNginx(this.#sys, this.#settings).catch((thrown) => {
      if (thrown instanceof NginxNotRunning) this.#isReloadOwed = false
      throw thrown
    })
    this.#isReloadOwed = false
    this.#reloadedAt = this.#sys.clock.now()
    return { isApplied: true, left: this.#old.left }
  }

  async #mustPass(changes: readonly Change[]): Promise<void> {
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
        // What could not be put back is to be tested again.
        this.#isReloadOwed = true
      })
    }
  }
}

const asError = (thrown: unknown): Error => (thrown instanceof Error ? thrown : new Error(messageOf(thrown)))

const wake = (clock: Clock, ms: number): Promise<void> =>
  new Promise((resolve) => void clock.setTimeout(() => resolve(), ms))

/** Tells what is wrong as the `error` event of a child: once, until all has been well again. */
export class ErrorReporter {
  readonly #told = new Set<string>()
  #untold: Error | null = null

  /** With nobody to hear it, it waits for the first who does. Who leaves does not miss an nginx that left before. */
  tell(error: Error, child: Child | null): void {
    // An nginx that does not run does so for one reason now and for another one then.
    const what = error instanceof NginxNotRunning ? error.code : error.message
    if (this.#told.has(what)) return
    if (!child || (error instanceof NginxNotRunning && child.state === 'stopping')) {
      this.#untold = error
      return
    }
    this.#untold = null
    this.#told.add(what)
    child.reportError(error)
  }

  catchUp(child: Child): void {
    if (this.#untold) this.tell(this.#untold, child)
  }

  allIsWell(): void {
    this.#told.clear()
    this.#untold = null
  }
}
