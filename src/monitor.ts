import { createHash } from 'node:crypto'
import type { Stats } from 'node:fs'
import path from 'node:path'
import type { ChokidarOptions, FSWatcher } from 'chokidar'
import { messageOf } from './errors.ts'
import { ignores } from './monitor-ignore.ts'
import { Pacer } from './monitor-pace.ts'
import type { MonitorSettings } from './options.ts'
import type { Rounds } from './rounds.ts'
import type { Sys } from './sys.ts'

/** chokidar goes deaf when the root it watches is replaced (HAZARDS H39), so somebody looks every so often. */
const LOOK_AT_ROOTS_MS = 1_000
/** chokidar 5 leaks its handles when it is closed within its own event; see DEPENDENCIES. */
const CLOSE_OLD_AFTER_MS = 100
const POLL_MS = 1_000
/** Larger files are told apart by size and time instead of by content. */
const LARGEST_HASHED = 4 * 1024 * 1024

/** What a monitor tells its child. */
export interface MonitorEvents {
  changed(file: string): void
  warn(message: string): void
}

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
  /** What each root was; a change means that the watcher may be deaf. */
  readonly #identities = new Map<string, string>()
  readonly #pacer: Pacer
  readonly #leaveRounds: () => void
  readonly #beganAt: number
  #looks: Promise<void> = Promise.resolve()
  #watcher: FSWatcher | null = null
  #armed = 0
  #polls = false
  #closed = false

  constructor(sys: Sys, rounds: Rounds, settings: MonitorSettings, cwd: string, events: MonitorEvents) {
    this.#sys = sys
    this.#events = events
    this.#settings = settings
    this.#roots = settings.paths.map((root) => path.resolve(cwd, root))
    this.#beganAt = sys.clock.date()
    this.#pacer = new Pacer(sys.clock, settings.debounce * 1_000, events)
    for (const root of this.#roots) this.#rememberRoot(root)
    this.#leaveRounds = rounds.join(LOOK_AT_ROOTS_MS, () => this.#lookAtRoots())
    void this.#arm()
  }

  close(): void {
    this.#closed = true
    this.#leaveRounds()
    this.#pacer.close()
    this.#retire(this.#watcher)
    this.#watcher = null
  }

  /** Before the program is spawned, so that a save while it boots is seen as one. */
  #rememberRoot(root: string): void {
    this.#identities.set(root, identityOf(this.#sys, root))
    const print = this.#printOf(root)
    if (print !== null) this.#prints.set(root, print)
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
      persistent: false,
    }
    const watcher = watch([...this.#roots], options)
    const first = turn === 1
    let scanning = true
    watcher.on('add', (file, stats) => this.#look(file, first && scanning && !this.#isNew(stats)))
    watcher.on('change', (file) => this.#look(file, false))
    watcher.on('unlink', (file) => this.#onGone(file))
    watcher.on('unlinkDir', (folder) => {
      if (this.#roots.includes(folder)) this.#rearm()
    })
    watcher.on('ready', () => {
      scanning = false
    })
    watcher.on('error', (thrown) => this.#onError(thrown))
    this.#watcher = watcher
  }

  #isNew(stats: Stats | undefined): boolean {
    return stats !== undefined && stats.mtimeMs >= this.#beganAt
  }

  /** One after the other, so that what is remembered of a file is always its last look. */
  #look(file: string, quietly: boolean): void {
    this.#looks = this.#looks.then(async () => {
      if (this.#closed) return
      if (quietly && !this.#prints.has(file)) await this.#sys.nextTurn()
      const print = this.#printOf(file)
      const before = this.#prints.get(file)
      if (print === null || print === before) return
      this.#prints.set(file, print)
      if (!(quietly && before === undefined)) this.#pacer.changed(file)
    })
  }

  /** A root that is gone is waited for; a part of a folder that is gone is a change. */
  #onGone(file: string): void {
    if (this.#roots.includes(file) || this.#closed) return
    this.#prints.delete(file)
    this.#pacer.changed(file)
  }

  #lookAtRoots(): void {
    for (const root of this.#roots) {
      const identity = identityOf(this.#sys, root)
      if (identity === this.#identities.get(root)) continue
      this.#identities.set(root, identity)
      if (identity !== '') this.#rearm()
    }
  }

  #rearm(): void {
    this.#retire(this.#watcher)
    this.#watcher = null
    void this.#arm()
  }

  #retire(watcher: FSWatcher | null): void {
    if (!watcher) return
    void this.#sys.pause(CLOSE_OLD_AFTER_MS).then(() => watcher.close().catch(() => {}))
  }

  #onError(thrown: unknown): void {
    if (this.#polls || this.#closed) return
    this.#polls = true
    this.#events.warn(`files are looked at once a second, since they cannot be watched: ${messageOf(thrown)}`)
    this.#rearm()
  }

  /** What tells two versions of a file apart: its content, so that a bare touch or chmod is no change. */
  #printOf(file: string): string | null {
    const { fs } = this.#sys
    try {
      const stat = fs.statSync(file)
      if (!stat.isFile()) return null
      if (stat.size > LARGEST_HASHED) return `${stat.size}:${stat.mtimeMs}`
      return createHash('sha1').update(fs.readFileSync(file)).digest('base64')
    } catch {
      return null
    }
  }
}

/** Which file or folder stands at a path, links followed; empty while none does. */
function identityOf(sys: Sys, root: string): string {
  try {
    const stat = sys.fs.statSync(root)
    const content = stat.isFile() ? `:${stat.size}:${stat.mtimeMs}` : ''
    return `${sys.fs.realpathSync(root)}:${stat.dev}:${stat.ino}${content}`
  } catch {
    return ''
  }
}
