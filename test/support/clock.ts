import { type Clock, realSys, type Sys } from '../../src/sys.ts'

interface Timer {
  readonly at: number
  readonly action: () => void
}

/** A clock that changes only through `advance` and `jump`. */
export class FakeClock implements Clock {
  #now = 1_000
  #next = 1
  readonly #timers = new Map<number, Timer>()

  now = (): number => this.#now

  date = (): number => Date.UTC(2026, 0, 1) + this.#now

  setTimeout = (action: (...args: unknown[]) => void, ms: number): unknown => {
    this.#timers.set(this.#next, { at: this.#now + ms, action })
    return this.#next++
  }

  clearTimeout = (timer: unknown): void => void this.#timers.delete(timer as number)

  /** Number of timers that have not fired. */
  get waiting(): number {
    return this.#timers.size
  }

  /** Advances the time as if the event loop had been blocked: all due timers fire in this turn. */
  jump(seconds: number): void {
    this.#now += seconds * 1_000
    const due = [...this.#timers].filter(([, { at }]) => at <= this.#now).sort(([, a], [, b]) => a.at - b.at)
    for (const [id, { action }] of due) if (this.#timers.delete(id)) action()
  }

  /** Advances the time. Timers fire in order; promises settle before, between and after them. */
  async advance(seconds: number): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve))
    const until = this.#now + seconds * 1_000
    for (;;) {
      const due = [...this.#timers].filter(([, { at }]) => at <= until).sort(([, a], [, b]) => a.at - b.at)[0]
      if (!due) break
      const [id, timer] = due
      this.#timers.delete(id)
      this.#now = Math.max(this.#now, timer.at)
      timer.action()
      await new Promise((resolve) => setImmediate(resolve))
    }
    this.#now = Math.max(this.#now, until)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

/** Returns the real system with these changes. Pauses between polls stay real. */
export function sysWith(changes: Partial<Sys>): Sys {
  return { ...realSys, ...changes }
}
