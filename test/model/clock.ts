import type { Clock } from '../../src/sys.ts'

export interface Timer {
  readonly at: number
  readonly action: () => void
}

export const BEGINNING = 1_000

/** A clock that stands still until it is told what time it is. Timers that are due go off one by one, the oldest first. */
export class SteppedClock implements Clock {
  #now = BEGINNING
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

  /** When the next timer is due. */
  get nextDue(): number {
    let due = Number.POSITIVE_INFINITY
    for (const { at } of this.#timers.values()) if (at < due) due = at
    return due
  }

  set(now: number): void {
    this.#now = now
  }

  /** Lets the next due timer go off; answers whether there was one. */
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
