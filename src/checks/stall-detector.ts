import type { Clock } from '../sys.ts'

const TICK_MS = 50
/**
 * A tick later than this shows that the host was blocked. A check that timed out meanwhile may have failed only for that
 * reason (docs/hazards.md#h20).
 */
const MAX_DELAY_MS = 200
/**
 * A larger change of the difference between the two clocks shows that the machine was suspended: the monotonic clock
 * stands still meanwhile, and the wall clock does not (docs/hazards.md#h19).
 */
const MAX_CLOCK_DRIFT_MS = 5_000

/** Observes the host during one run of a check. */
export interface StallWatch {
  /** Returns true if the host was blocked or suspended since the watch began. */
  hasStalled(): boolean
  /** Ends the watch. Can be called more than once. */
  end(): void
}

/** Notices that the host itself was blocked or suspended. Uses one timer for all watches, and none while there is no watch. */
export class StallDetector {
  readonly #clock: Clock
  readonly #watches = new Set<StallWatch>()
  #timer: unknown
  #lastTickAt = 0
  /** Difference between the wall clock and the monotonic clock. */
  #clockDifference = 0
  #stalls = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Begins a watch, which lasts until it is ended. */
  watch(): StallWatch {
    if (this.#watches.size === 0) this.#begin()
    else this.#tick()
    const before = this.#stalls
    const watch: StallWatch = {
      hasStalled: () => {
        this.#tick()
        return this.#stalls > before
      },
      end: () => {
        if (this.#watches.delete(watch) && this.#watches.size === 0) this.#clock.clearTimeout(this.#timer)
      },
    }
    this.#watches.add(watch)
    return watch
  }

  #begin(): void {
    this.#lastTickAt = this.#clock.now()
    this.#clockDifference = this.#clock.date() - this.#lastTickAt
    this.#schedule()
  }

  #schedule(): void {
    this.#timer = this.#clock.setTimeout(() => {
      this.#tick()
      this.#schedule()
    }, TICK_MS)
  }

  #tick(): void {
    const now = this.#clock.now()
    const difference = this.#clock.date() - now
    const isLate = now - this.#lastTickAt > TICK_MS + MAX_DELAY_MS
    if (isLate || Math.abs(difference - this.#clockDifference) > MAX_CLOCK_DRIFT_MS) this.#stalls++
    this.#lastTickAt = now
    this.#clockDifference = difference
  }
}
