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

/** One of those who wait at the gate, or have passed it. */
export interface Passage {
  readonly admit: () => void
  inside: boolean
  stay: Plan | null
}

/** At most one start passes in each turn, and a bounded number is under way; after a second one counts no more. */
export class ReferenceGate {
  readonly #time: ReferenceTime
  readonly #places: number
  #queue: Passage[] = []
  #inside = 0
  #usedThisTurn = false

  constructor(time: ReferenceTime, places: number) {
    this.#time = time
    this.#places = places
  }

  enter(admit: () => void): Passage {
    const passage = { admit, inside: false, stay: null }
    this.#queue.push(passage)
    this.#admit()
    return passage
  }

  /** It gives its place back, or gives up waiting for one. */
  leave(passage: Passage | null): void {
    if (!passage) return
    this.#queue = this.#queue.filter((other) => other !== passage)
    if (!passage.inside) return
    passage.inside = false
    this.#inside--
    this.#time.callOff(passage.stay)
    this.#admit()
  }

  #admit(): void {
    if (this.#usedThisTurn || this.#inside >= this.#places) return
    const passage = this.#queue.shift()
    if (!passage) return
    this.#inside++
    this.#usedThisTurn = true
    passage.inside = true
    passage.stay = this.#time.after(1_000, () => this.leave(passage))
    this.#time.turns.push(() => {
      this.#usedThisTurn = false
      this.#admit()
    })
    this.#time.soon(passage.admit)
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
