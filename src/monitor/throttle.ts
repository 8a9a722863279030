import type { Clock } from '../sys.ts'

/** What a monitor tells its child. */
export interface MonitorEvents {
  changed(file: string): void
  warn(message: string): void
}

const AT_MOST_EVERY_MS = 1_000
const STORM_WINDOW_MS = 10_000
const STORM = 5
const LONGEST_HOLD_MS = 60_000

/** Turns bursts of changes into single ones, and storms into ever rarer ones (docs/hazards.md#h40). */
export class Throttle {
  readonly #clock: Clock
  readonly #quietMs: number
  readonly #events: MonitorEvents
  readonly #files = new Set<string>()
  #told: number[] = []
  /** How far apart changes are told; longer while a storm lasts. */
  #apart = AT_MOST_EVERY_MS
  #timer: unknown = null
  /** When the oldest change that is not told yet came: where it is never quiet, none waits for ever. */
  #since = 0

  constructor(clock: Clock, quietMs: number, events: MonitorEvents) {
    this.#clock = clock
    this.#quietMs = quietMs
    this.#events = events
  }

  changed(file: string): void {
    if (this.#files.size === 0) this.#since = this.#clock.now()
    this.#files.add(file)
    this.#clock.clearTimeout(this.#timer)
    const atMost = this.#since + LONGEST_HOLD_MS - this.#clock.now()
    const wait = Math.min(Math.max(this.#quietMs, this.#untilAllowed()), atMost)
    this.#timer = this.#clock.setTimeout(() => this.#tell(), Math.max(wait, 0))
  }

  close(): void {
    this.#clock.clearTimeout(this.#timer)
  }

  #untilAllowed(): number {
    const last = this.#told.at(-1)
    if (last === undefined) return 0
    const since = this.#clock.now() - last
    if (since > 2 * this.#apart) this.#apart = AT_MOST_EVERY_MS
    return this.#apart - since
  }

  #tell(): void {
    const now = this.#clock.now()
    const files = [...this.#files]
    this.#files.clear()
    this.#told = [...this.#told.filter((at) => now - at < STORM_WINDOW_MS), now]
    if (this.#apart > AT_MOST_EVERY_MS) this.#apart = Math.min(this.#apart * 2, LONGEST_HOLD_MS)
    else if (this.#told.length >= STORM) this.#hold(files)
    const [first = ''] = files
    this.#events.changed(files.length <= 1 ? first : `${first} and ${files.length - 1} more`)
  }

  #hold(files: readonly string[]): void {
    this.#apart = STORM_WINDOW_MS
    this.#events.warn(
      `its files change all the time (${files.slice(0, 3).join(', ')}), so restarts are held back. Does it write into a folder that is monitored? Leave that out with \`monitor: { paths, ignore }\``,
    )
  }
}
