import type { Clock } from '../sys.ts'

interface Period {
  readonly actions: Set<() => void>
  timer: unknown
}

/**
 * Shares one timer among all that repeat an action in the same period. There is no timer while there are no actions. A
 * thousand idle children wake the host only once per period.
 */
export class SharedInterval {
  readonly #clock: Clock
  /** Periods by their length in milliseconds. */
  readonly #periods = new Map<number, Period>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Calls `action` every `ms` milliseconds until the returned function is called. The first call can come earlier. */
  every(ms: number, action: () => void): () => void {
    const period = this.#periods.get(ms) ?? this.#begin(ms)
    period.actions.add(action)
    return () => {
      period.actions.delete(action)
      if (period.actions.size > 0 || this.#periods.get(ms) !== period) return
      this.#clock.clearTimeout(period.timer)
      this.#periods.delete(ms)
    }
  }

  #begin(ms: number): Period {
    const period: Period = { actions: new Set(), timer: null }
    const run = (): void => {
      period.timer = this.#clock.setTimeout(run, ms)
      for (const action of [...period.actions]) action()
    }
    period.timer = this.#clock.setTimeout(run, ms)
    this.#periods.set(ms, period)
    return period
  }
}
