import path from 'node:path'
import type { ChokidarOptions, FSWatcher } from 'chokidar'
import { messageOf } from '../errors.ts'
import { type Deferred, deferred } from '../promises.ts'
import type { SharedInterval } from '../schedule/shared-interval.ts'
import type { Sys } from '../sys.ts'
import type { MonitorSettings } from '../types/options.ts'
import { contentHash, inodeOf, mtimeOf } from './fingerprint.ts'
import { ignores, rootOf } from './ignore.ts'
import { type MonitorEvents, Throttle } from './throttle.ts'

/**
 * chokidar goes deaf when a folder it watches is replaced (docs/hazards.md#h39), so somebody looks every so
 * often.
 */
const LOOK_AT_PLACES_MS = 1_000
/** chokidar 5 leaks its handles when it is closed within its own event. */
const CLOSE_OLD_AFTER_MS = 100
/** chokidar tells of one change of a file in 50 ms and drops the rest, so each is looked at a second time. */
const LOOK_AGAIN_MS = 60
const POLL_MS = 1_000

/**
 * chokidar has one handle per path for all its watchers in the process, and a stale one lives on while anybody
 * holds it. So monitors of the same path let go of it together before any of them watches anew.
 */
const open = new Set<Monitor>()

/**
 * Watches files and folders for changes of content. It keeps seeing after saves that replace the file, after
 * whole folders were removed and made again, and for paths that do not exist yet; a change of mode or of nothing
 * but the time is none.
 */
export class Monitor {
  readonly #sys: Sys
  readonly #events: MonitorEvents
  readonly #settings: MonitorSettings
  readonly #roots: readonly string[]
  /** What each file held when it was last looked at. */
  readonly #prints = new Map<string, string>()
  /** Which file or folder stood at each root, and which folders stand below; a change means a deaf watcher. */
  readonly #places = new Map<string, string>()
  readonly #stamps = new Map<string, string>()
  readonly #pacer: Throttle
  readonly #leaveRounds: () => void
  readonly #beganAt: number
  readonly #scan: Deferred<void> = deferred()
  #looks: Promise<void> = Promise.resolve()
  #watcher: FSWatcher | null = null
  #armed = 0
  #rearming = false
  #scannedOnce = false
  /** Something happened below a root since the folders there were last looked at. */
  #stirred = false
  #polls = false
  #closed = false

  constructor(
    sys: Sys,
    rounds: SharedInterval,
    settings: MonitorSettings,
    cwd: string,
    events: MonitorEvents,
  ) {
    this.#sys = sys
    this.#events = events
    this.#settings = settings
    this.#roots = settings.paths.map((root) => path.resolve(cwd, root))
    // File times are finer than this clock: what was written in this very millisecond was there before.
    this.#beganAt = sys.clock.date() + 1
    this.#pacer = new Throttle(sys.clock, settings.debounce * 1_000, events)
    for (const root of this.#roots) this.#rememberRoot(root)
    this.#leaveRounds = rounds.every(LOOK_AT_PLACES_MS, () => this.#lookAtPlaces())
    open.add(this)
    this.#arm().catch((thrown: unknown) => this.#onError(thrown))
  }

  /** @internal Settles when all that is there was looked at once. */
  get scanned(): Promise<void> {
    return this.#scan.promise
  }

  close(): void {
    this.#closed = true
    open.delete(this)
    this.#leaveRounds()
    this.#pacer.close()
    const watcher = this.#watcher
    this.#watcher = null
    if (watcher) void this.#sys.pause(CLOSE_OLD_AFTER_MS).then(() => end(this.#sys, watcher))
  }

  /** Before the program is spawned, so that a save while it boots is seen as one. */
  #rememberRoot(root: string): void {
    this.#places.set(root, inodeOf(this.#sys, root))
    this.#stamps.set(root, mtimeOf(this.#sys, root))
    const seen = contentHash(this.#sys, root)
    if (seen) this.#prints.set(root, seen.print)
  }

  async #arm(): Promise<void> {
    const turn = ++this.#armed
    const { watch } = await import('chokidar')
    if (this.#closed || turn !== this.#armed) return
    const options: ChokidarOptions = {
      ignored: (file, stats) => ignores(this.#settings.ignore, this.#roots, file, stats),
      ignorePermissionErrors: true,
      usePolling: this.#polls,
      interval: POLL_MS,
      persistent: true,
    }
    const watcher = watch(this.#present(), options)
    const first = !this.#scannedOnce
    let scanning = true
    watcher.on('add', (file) => (first && scanning ? this.#look(file, true) : this.#onEvent(file)))
    watcher.on('change', (file) => this.#onEvent(file))
    watcher.on('unlink', (file) => this.#onGone(file))
    watcher.on('addDir', (folder) => {
      if (!this.#roots.includes(folder)) this.#places.set(folder, inodeOf(this.#sys, folder))
    })
    watcher.on('unlinkDir', (folder) => {
      if (this.#roots.includes(folder)) this.#rearm()
      else this.#places.delete(folder)
    })
    watcher.on('raw', () => {
      this.#stirred = true
    })
    watcher.on('ready', () => {
      scanning = false
      this.#onScanned()
    })
    watcher.on('error', (thrown) => this.#onError(thrown))
    this.#watcher = watcher
  }

  /** chokidar calls itself ready before it has looked when one of its paths is missing; those are looked for here. */
  #present(): string[] {
    const present = this.#roots.filter((root) => this.#sys.fs.existsSync(root))
    return present.length > 0 ? present : [...this.#roots]
  }

  #onScanned(): void {
    this.#scannedOnce = true
    for (const file of [...this.#prints.keys()]) if (!this.#sys.fs.existsSync(file)) this.#onGone(file)
    void this.#looks.then(() => this.#scan.resolve())
  }

  #onEvent(file: string): void {
    this.#look(file, false)
    void this.#sys.pause(LOOK_AGAIN_MS).then(() => this.#look(file, false))
  }

  /** One after the other, so that what is remembered of a file is always its last look. */
  #look(file: string, mayBeOld: boolean): void {
    this.#looks = this.#looks.then(async () => {
      const before = this.#prints.get(file)
      if (before === undefined) await this.#sys.nextTurn()
      const seen = this.#closed ? null : contentHash(this.#sys, file)
      if (!seen || seen.print === before) return
      this.#prints.set(file, seen.print)
      if (mayBeOld && before === undefined && seen.mtimeMs < this.#beganAt) return
      this.#pacer.changed(file)
    })
  }

  /** A root that is gone is waited for; a part of a folder that is gone is a change. */
  #onGone(file: string): void {
    if (this.#closed || this.#roots.includes(file)) return
    if (this.#sys.fs.existsSync(file)) {
      this.#onEvent(file)
      return
    }
    const wasKnown = this.#prints.delete(file)
    const root = rootOf(this.#roots, file)
    if (wasKnown && root !== undefined && this.#sys.fs.existsSync(root)) this.#pacer.changed(file)
  }

  #lookAtPlaces(): void {
    const places = this.#stirred ? [...this.#places.keys()] : this.#roots
    this.#stirred = false
    for (const place of places) {
      const now = inodeOf(this.#sys, place)
      if (now !== this.#places.get(place)) {
        this.#places.set(place, now)
        if (now !== '') this.#rearm()
      }
    }
    for (const root of this.#roots) {
      const stamp = mtimeOf(this.#sys, root)
      if (stamp !== this.#stamps.get(root)) this.#look(root, false)
      this.#stamps.set(root, stamp)
    }
  }

  #rearm(): void {
    const together = [...open].filter((other) => !other.#rearming && this.#shares(other))
    const old = together.map((other) => other.#letGo())
    void this.#sys.pause(CLOSE_OLD_AFTER_MS).then(async () => {
      await Promise.all(old.map((watcher) => end(this.#sys, watcher)))
      for (const other of together) {
        other.#rearming = false
        other.#arm().catch((thrown: unknown) => other.#onError(thrown))
      }
    })
  }

  #letGo(): FSWatcher | null {
    const watcher = this.#watcher
    this.#watcher = null
    this.#rearming = true
    this.#armed++
    return watcher
  }

  #shares(other: Monitor): boolean {
    const within = (root: string, outer: string): boolean =>
      root === outer || root.startsWith(outer + path.sep)
    return this.#roots.some((mine) =>
      other.#roots.some((theirs) => within(mine, theirs) || within(theirs, mine)),
    )
  }

  #onError(thrown: unknown): void {
    if (this.#polls || this.#closed) return
    this.#polls = true
    this.#events.warn(`files are looked at once a second, since they cannot be watched: ${messageOf(thrown)}`)
    this.#rearm()
  }
}

/**
 * A removal that chokidar 5 is busy with when it is closed makes it open itself again, with handles that would keep
 * the host alive; and it has no listeners by then, so that an error would end the host.
 */
async function end(sys: Sys, watcher: FSWatcher | null): Promise<void> {
  if (!watcher) return
  await watcher.close().catch(() => {})
  watcher.on('error', () => {})
  void sys.pause(CLOSE_OLD_AFTER_MS).then(() => (watcher.closed ? null : end(sys, watcher)))
}
