import { START_TIME } from './clock.ts'

/** An action that happens at a time unless it is cancelled. */
export interface Plan {
  readonly at: number
  readonly act: () => void
  off: boolean
}

/**
 * The time of the reference model. Actions happen at a deadline, in the next turn of the event loop, after a pause, or
 * after the current action.
 */
export class ReferenceTime {
  now: number = START_TIME
  readonly #deadlines = new Set<Plan>()
  #soon: (() => void)[] = []
  turns: (() => void)[] = []
  pauses: (() => void)[] = []

  after(ms: number, act: () => void): Plan {
    const plan = { at: this.now + Math.max(ms, 0), act, off: false }
    this.#deadlines.add(plan)
    return plan
  }

  cancel(plan: Plan | null): void {
    if (!plan) return
    plan.off = true
    this.#deadlines.delete(plan)
  }

  get nextDue(): number {
    let due = Number.POSITIVE_INFINITY
    for (const { at } of this.#deadlines) if (at < due) due = at
    return due
  }

  /** Runs the action of the next due deadline. Returns whether there was one. */
  fire(): boolean {
    const due = this.nextDue
    if (due > this.now) return false
    for (const plan of this.#deadlines) {
      if (plan.at !== due) continue
      this.cancel(plan)
      plan.act()
      return true
    }
    return false
  }

  soon(act: () => void): void {
    this.#soon.push(act)
  }

  /** Runs all actions that need no event from outside. */
  settle(): void {
    for (let act = this.#soon.shift(); act; act = this.#soon.shift()) act()
  }
}

/** Shared interval timers: all visits with the same interval happen at the same moments. */
export class ReferenceIntervals {
  readonly #time: ReferenceTime
  readonly #intervals = new Map<number, { visits: Set<() => void>; next: Plan }>()

  constructor(time: ReferenceTime) {
    this.#time = time
  }

  every(ms: number, visit: () => void): () => void {
    const round = this.#intervals.get(ms) ?? this.#begin(ms)
    round.visits.add(visit)
    return () => {
      round.visits.delete(visit)
      if (round.visits.size > 0 || this.#intervals.get(ms) !== round) return
      this.#time.cancel(round.next)
      this.#intervals.delete(ms)
    }
  }

  #begin(ms: number): { visits: Set<() => void>; next: Plan } {
    const go = (): void => {
      round.next = this.#time.after(ms, go)
      for (const visit of [...round.visits]) visit()
    }
    const round = { visits: new Set<() => void>(), next: this.#time.after(ms, go) }
    this.#intervals.set(ms, round)
    return round
  }
}
