import { BEGINNING } from './clock.ts'

/** Something that will happen unless it is called off. */
export interface Plan {
  readonly at: number
  readonly act: () => void
  off: boolean
}

/**
 * When things happen in the reference model: at a deadline, in the next turn of the loop, after a pause, or as soon as
 * whatever is under way has finished.
 */
export class ReferenceTime {
  now: number = BEGINNING
  readonly #deadlines = new Set<Plan>()
  #soon: (() => void)[] = []
  turns: (() => void)[] = []
  pauses: (() => void)[] = []

  after(ms: number, act: () => void): Plan {
    const plan = { at: this.now + Math.max(ms, 0), act, off: false }
    this.#deadlines.add(plan)
    return plan
  }

  callOff(plan: Plan | null): void {
    if (!plan) return
    plan.off = true
    this.#deadlines.delete(plan)
  }

  get nextDue(): number {
    let due = Number.POSITIVE_INFINITY
    for (const { at } of this.#deadlines) if (at < due) due = at
    return due
  }

  /** Lets the next due deadline pass; answers whether there was one. */
  fire(): boolean {
    const due = this.nextDue
    if (due > this.now) return false
    for (const plan of this.#deadlines) {
      if (plan.at !== due) continue
      this.callOff(plan)
      plan.act()
      return true
    }
    return false
  }

  soon(act: () => void): void {
    this.#soon.push(act)
  }

  /** Everything that needs nothing from outside has happened when this returns. */
  settle(): void {
    for (let act = this.#soon.shift(); act; act = this.#soon.shift()) act()
  }
}

/** All who look at something at the same interval look at the same moments. */
export class ReferenceRounds {
  readonly #time: ReferenceTime
  readonly #rounds = new Map<number, { visits: Set<() => void>; next: Plan }>()

  constructor(time: ReferenceTime) {
    this.#time = time
  }

  join(ms: number, visit: () => void): () => void {
    const round = this.#rounds.get(ms) ?? this.#begin(ms)
    round.visits.add(visit)
    return () => {
      round.visits.delete(visit)
      if (round.visits.size > 0 || this.#rounds.get(ms) !== round) return
      this.#time.callOff(round.next)
      this.#rounds.delete(ms)
    }
  }

  #begin(ms: number): { visits: Set<() => void>; next: Plan } {
    const go = (): void => {
      round.next = this.#time.after(ms, go)
      for (const visit of [...round.visits]) visit()
    }
    const round = { visits: new Set<() => void>(), next: this.#time.after(ms, go) }
    this.#rounds.set(ms, round)
    return round
  }
}
