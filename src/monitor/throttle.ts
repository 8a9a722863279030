import type { Clock } from '../sys.ts'

/** Receives the events of a monitor. */
export interface MonitorEvents {
  changed(file: string): void
  warn(message: string): void
}

const MIN_INTERVAL_MS = 1_000
/** As many reports within this time are a storm. */
const STORM_WINDOW_MS = 10_000
const STORM_REPORTS = 5
const MAX_DELAY_MS = 60_000
const MAX_FILES_NAMED = 3

/** Combines bursts of changes into one report, and makes reports ever rarer during a storm (docs/hazards.md#h40). */
export class Throttle {
  readonly #clock: Clock
  readonly #quietMs: number
  readonly #events: MonitorEvents
  readonly #files = new Set<string>()
  #reportedAt: number[] = []
  /** Minimum time between two reports. Grows during a storm. */
  #intervalMs = MIN_INTERVAL_MS
  #timer: unknown = null
  /** Time of the oldest unreported change. Bounds its delay if changes never cease. */
  #firstChangeAt = 0

  constructor(clock: Clock, quietMs: number, events: MonitorEvents) {
    this.#clock = clock
    this.#quietMs = quietMs
    this.#events = events
  }

  changed(file: string): void {
    if (this.#files.size === 0) this.#firstChangeAt = this.#clock.now()
    this.#files.add(file)
    this.#clock.clearTimeout(this.#timer)
    const maxWait = this.#firstChangeAt + MAX_DELAY_MS - this.#clock.now()
    const wait = Math.min(Math.max(this.#quietMs, this.#untilAllowed()), maxWait)
    this.#timer = this.#clock.setTimeout(() => this.#report(), Math.max(wait, 0))
  }

  close(): void {
    this.#clock.clearTimeout(this.#timer)
  }

  #untilAllowed(): number {
    const last = this.#reportedAt.at(-1)
    if (last === undefined) return 0
    const elapsed = this.#clock.now() - last
    if (elapsed > 2 * this.#intervalMs) this.#intervalMs = MIN_INTERVAL_MS
    return this.#intervalMs - elapsed
  }

  #report(): void {
    const now = this.#clock.now()
    const files = [...this.#files]
    this.#files.clear()
    this.#reportedAt = [...this.#reportedAt.filter((at) => now - at < STORM_WINDOW_MS), now]
    if (this.#intervalMs > MIN_INTERVAL_MS) this.#intervalMs = Math.min(this.#intervalMs * 2, MAX_DELAY_MS)
    else if (this.#reportedAt.length >= STORM_REPORTS) this.#beginStorm(files)
    const [first = ''] = files
    this.#events.changed(files.length <= 1 ? first : `${first} and ${files.length - 1} more`)
  }

  #beginStorm(files: readonly string[]): void {
    this.#intervalMs = STORM_WINDOW_MS
    const named = files.slice(0, MAX_FILES_NAMED).join(', ')
    this.#events.warn(
      `files change constantly (${named}), so further changes are reported late. If the program itself writes these files, exclude them with \`monitor: { paths, ignore }\``,
    )
  }
}
