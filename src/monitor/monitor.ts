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

/** Paths are checked this often, because chokidar misses all changes after a directory was replaced (docs/hazards.md#h39). */
const CHECK_INTERVAL_MS = 1_000
/** chokidar 5 leaks its handles if it is closed within its own event. */
const CLOSE_DELAY_MS = 100
/** chokidar reports one change of a file in 50 ms and drops the others, so each file is read a second time. */
const SECOND_READ_DELAY_MS = 60
const POLL_MS = 1_000

/**
 * Open monitors of all spinners in this program. chokidar has one handle per path for all its watchers in a program, and a
 * stale handle lives while any watcher uses it. So all monitors of a path close their watchers before one opens a new one.
 */
const openMonitors = new Set<Monitor>()

/**
 * Watches files and directories for changes of content. Still works after a save that replaces the file, after a directory
 * was removed and created again, and for a path that does not exist yet. A change of only the mode or the time is ignored.
 */
export class Monitor {
  readonly #sys: Sys
  readonly #events: MonitorEvents
  readonly #settings: MonitorSettings
  readonly #roots: readonly string[]
  /** Content hash of each file when it was last read. */
  readonly #hashes = new Map<string, string>()
  /** Inode of each root, and of each directory below. If one changes, the watcher misses further changes. */
  readonly #inodes = new Map<string, string>()
  readonly #mtimes = new Map<string, string>()
  readonly #throttle: Throttle
  readonly #stopChecking: () => void
  readonly #startedAt: number
  readonly #scan: Deferred<void> = deferred()
  /** Queue of reads. */
  #reads: Promise<void> = Promise.resolve()
  #watcher: FSWatcher | null = null
  /** Number of calls of `#arm` and `#detach`. Ends an outdated `#arm`. */
  #generation = 0
  #isRearming = false
  #hasScanned = false
  /** True if chokidar has received events since the directories below the roots were last checked. */
  #hasEvents = false
  #usesPolling = false
  #isClosed = false

  constructor(
    sys: Sys,
    intervals: SharedInterval,
    settings: MonitorSettings,
    cwd: string,
    events: MonitorEvents,
  ) {
    this.#sys = sys
    this.#events = events
    this.#settings = settings
    this.#roots = settings.paths.map((root) => path.resolve(cwd, root))
    // Round up, because file times are finer than this clock: a file of this same millisecond was there before.
    this.#startedAt = sys.clock.date() + 1
    this.#throttle = new Throttle(sys.clock, settings.debounce * 1_000, events)
    for (const root of this.#roots) this.#rememberRoot(root)
    this.#stopChecking = intervals.every(CHECK_INTERVAL_MS, () => this.#check())
    openMonitors.add(this)
    this.#arm().catch((thrown: unknown) => this.#onError(thrown))
  }

  /** @internal Resolves when all existing files have been read once. */
  get scanned(): Promise<void> {
    return this.#scan.promise
  }

  close(): void {
    this.#isClosed = true
    openMonitors.delete(this)
    this.#stopChecking()
    this.#throttle.close()
    const watcher = this.#watcher
    this.#watcher = null
    if (watcher) void this.#sys.pause(CLOSE_DELAY_MS).then(() => closeWatcher(this.#sys, watcher))
  }

  /** Reads a root before the program is spawned, so that a save while the program boots counts as a change. */
  #rememberRoot(root: string): void {
    this.#inodes.set(root, inodeOf(this.#sys, root))
    this.#mtimes.set(root, mtimeOf(this.#sys, root))
    const content = contentHash(this.#sys, root)
    if (content) this.#hashes.set(root, content.hash)
  }

  async #arm(): Promise<void> {
    const generation = ++this.#generation
    const { watch } = await import('chokidar')
    if (this.#isClosed || generation !== this.#generation) return
    const options: ChokidarOptions = {
      ignored: (file, stats) => ignores(this.#settings.ignore, this.#roots, file, stats),
      ignorePermissionErrors: true,
      usePolling: this.#usesPolling,
      interval: POLL_MS,
      persistent: true,
    }
    const watcher = watch(this.#existingRoots(), options)
    const isFirst = !this.#hasScanned
    let isScanning = true
    watcher.on('add', (file) => (isFirst && isScanning ? this.#read(file, true) : this.#onEvent(file)))
    watcher.on('change', (file) => this.#onEvent(file))
    watcher.on('unlink', (file) => this.#onGone(file))
    watcher.on('addDir', (directory) => {
      if (!this.#roots.includes(directory)) this.#inodes.set(directory, inodeOf(this.#sys, directory))
    })
    watcher.on('unlinkDir', (directory) => {
      if (this.#roots.includes(directory)) this.#rearm()
      else this.#inodes.delete(directory)
    })
    watcher.on('raw', () => {
      this.#hasEvents = true
    })
    watcher.on('ready', () => {
      isScanning = false
      this.#onScanned()
    })
    watcher.on('error', (thrown) => this.#onError(thrown))
    this.#watcher = watcher
  }

  /**
   * Returns the roots that exist. If a path is missing, chokidar emits `ready` before its scan has ended; `#check` finds
   * missing roots instead.
   */
  #existingRoots(): string[] {
    const existing = this.#roots.filter((root) => this.#sys.fs.existsSync(root))
    return existing.length > 0 ? existing : [...this.#roots]
  }

  #onScanned(): void {
    this.#hasScanned = true
    for (const file of [...this.#hashes.keys()]) if (!this.#sys.fs.existsSync(file)) this.#onGone(file)
    void this.#reads.then(() => this.#scan.resolve())
  }

  #onEvent(file: string): void {
    this.#read(file, false)
    void this.#sys.pause(SECOND_READ_DELAY_MS).then(() => this.#read(file, false))
  }

  /** Reads files one after the other, so that the remembered hash of a file is always that of its last read. */
  #read(file: string, canBeOld: boolean): void {
    this.#reads = this.#reads.then(async () => {
      const before = this.#hashes.get(file)
      if (before === undefined) await this.#sys.nextTurn()
      const content = this.#isClosed ? null : contentHash(this.#sys, file)
      if (!content || content.hash === before) return
      this.#hashes.set(file, content.hash)
      if (canBeOld && before === undefined && content.mtimeMs < this.#startedAt) return
      this.#throttle.changed(file)
    })
  }

  /** Reports a missing file below a root as a change. A missing root is not a change, because it can return. */
  #onGone(file: string): void {
    if (this.#isClosed || this.#roots.includes(file)) return
    if (this.#sys.fs.existsSync(file)) {
      this.#onEvent(file)
      return
    }
    const wasKnown = this.#hashes.delete(file)
    const root = rootOf(this.#roots, file)
    if (wasKnown && root !== undefined && this.#sys.fs.existsSync(root)) this.#throttle.changed(file)
  }

  #check(): void {
    const paths = this.#hasEvents ? [...this.#inodes.keys()] : this.#roots
    this.#hasEvents = false
    for (const file of paths) {
      const inode = inodeOf(this.#sys, file)
      if (inode !== this.#inodes.get(file)) {
        this.#inodes.set(file, inode)
        if (inode !== '') this.#rearm()
      }
    }
    for (const root of this.#roots) {
      const mtime = mtimeOf(this.#sys, root)
      if (mtime !== this.#mtimes.get(root)) this.#read(root, false)
      this.#mtimes.set(root, mtime)
    }
  }

  #rearm(): void {
    const monitors = [...openMonitors].filter((other) => !other.#isRearming && this.#overlaps(other))
    const watchers = monitors.map((monitor) => monitor.#detach())
    void this.#sys.pause(CLOSE_DELAY_MS).then(async () => {
      await Promise.all(watchers.map((watcher) => closeWatcher(this.#sys, watcher)))
      for (const monitor of monitors) {
        monitor.#isRearming = false
        monitor.#arm().catch((thrown: unknown) => monitor.#onError(thrown))
      }
    })
  }

  #detach(): FSWatcher | null {
    const watcher = this.#watcher
    this.#watcher = null
    this.#isRearming = true
    this.#generation++
    return watcher
  }

  /** Returns true if a root of one monitor is, or contains, a root of the other. */
  #overlaps(other: Monitor): boolean {
    const isWithin = (root: string, outer: string): boolean =>
      root === outer || root.startsWith(outer + path.sep)
    return this.#roots.some((mine) =>
      other.#roots.some((theirs) => isWithin(mine, theirs) || isWithin(theirs, mine)),
    )
  }

  #onError(thrown: unknown): void {
    if (this.#usesPolling || this.#isClosed) return
    this.#usesPolling = true
    this.#events.warn(`files cannot be watched, so they are polled once a second: ${messageOf(thrown)}`)
    this.#rearm()
  }
}

/**
 * Closes a watcher until it stays closed. A chokidar 5 that is closed while it handles a removal opens itself again, with
 * handles that keep the host alive and without listeners, so that an error would end the host.
 */
async function closeWatcher(sys: Sys, watcher: FSWatcher | null): Promise<void> {
  if (!watcher) return
  await watcher.close().catch(() => {})
  watcher.on('error', () => {})
  void sys.pause(CLOSE_DELAY_MS).then(() => (watcher.closed ? null : closeWatcher(sys, watcher)))
}
