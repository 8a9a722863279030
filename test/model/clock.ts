import type { Clock } from '../../src/sys.ts'

export interface Timer {
  readonly at: number
  readonly action: () => void
}

export const START_TIME = 1_000

/** A clock that changes only through `set`. Timers that are due fire one by one, in the order in which they are due. */
export class SteppedClock implements Clock {
  #now = START_TIME
  #next = 1
  readonly #timers = new Map<number, Timer>()

  now = (): number => this.#now

  date = (): number => Date.UTC(2026, 0, 1) + this.#now

  setTimeout = (action: (...args: unknown[]) => void, ms: number): number => {
    this.#timers.set(this.#next, { at: this.#now + Math.max(ms, 0), action })
    return this.#next++
  }

  clearTimeout = (timer: unknown): void => void this.#timers.delete(timer as number)

  get waiting(): number {
    return this.#timers.size
  }

  /** Time at which the next timer is due. */
  get nextDue(): number {
    let due = Number.POSITIVE_INFINITY
    for (const { at } of this.#timers.values()) if (at < due) due = at
    return due
  }

  set(now: number): void {
    this.#now = now
  }

  /** Fires the next due timer. Returns whether there was one. */
  fire(): boolean {
    const due = this.nextDue
    if (due > this.#now) return false
    for (const [id, { at, action }] of this.#timers) {
      if (at !== due) continue
      this.#timers.delete(id)
      action()
      return true
    }
    return false
  }
}
