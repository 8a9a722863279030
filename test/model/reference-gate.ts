import type { Plan, ReferenceTime } from './reference-time.ts'

/** A start that waits at the start gate or has passed it. */
export interface GateEntry {
  readonly name: string
  readonly admit: () => void
  readonly moment: number
  inside: boolean
  stay: Plan | null
}

/**
 * Predicts the start gate. At most one start passes in each turn, and a limited number is in progress. After a second a
 * start does not count any more.
 */
export class ReferenceGate {
  readonly #time: ReferenceTime
  readonly #places: number
  readonly #nextOfProduct: () => string | undefined
  #queue: GateEntry[] = []
  #moment = 0
  #inside = 0
  #usedThisTurn = false
  /** True if there was room, but it was not known for which start. */
  #isUndecided = false
  /** True if a start stopped waiting since then. The room may have been for that start and be unused. */
  #mayBeVoid = false

  /**
   * spinner does not promise the order of two starts that reach the gate at the same moment. In this case the model follows
   * the product: `nextOfProduct` returns the name of the start that the product let in next, if that is known.
   */
  constructor(time: ReferenceTime, places: number, nextOfProduct: () => string | undefined) {
    this.#time = time
    this.#places = places
    this.#nextOfProduct = nextOfProduct
  }

  enter(name: string, admit: () => void): GateEntry {
    const entry = { name, admit, moment: this.#moment, inside: false, stay: null }
    this.#queue.push(entry)
    this.#admit()
    return entry
  }

  /** Gives a place back, or stops waiting for one. */
  leave(entry: GateEntry | null): void {
    if (!entry) return
    this.#mayBeVoid ||= this.#isUndecided && this.#queue.includes(entry)
    this.#queue = this.#queue.filter((other) => other !== entry)
    if (!entry.inside) return
    entry.inside = false
    this.#inside--
    this.#time.cancel(entry.stay)
    this.#admit()
  }

  /** Ends this moment: no other start comes at it. */
  endMoment(): void {
    if (this.#mayBeVoid && this.#nextOfProduct() === undefined) this.#useTurn()
    this.#admit(true)
    this.#moment++
    this.#isUndecided = false
    this.#mayBeVoid = false
  }

  #admit(isEnd = false): void {
    if (this.#usedThisTurn || this.#inside >= this.#places) return
    const entry = this.#first(isEnd)
    this.#isUndecided ||= !entry && this.#queue.length > 0
    if (!entry) return
    this.#queue = this.#queue.filter((other) => other !== entry)
    this.#inside++
    this.#useTurn()
    entry.inside = true
    entry.stay = this.#time.after(1_000, () => this.leave(entry))
    this.#time.soon(entry.admit)
  }

  #useTurn(): void {
    this.#usedThisTurn = true
    this.#time.turns.push(() => {
      this.#usedThisTurn = false
      this.#admit()
    })
  }

  /**
   * Returns the start that is next. If several came at the same moment, returns the one that the product let in. Until the
   * moment is over that may be unknown or not yet have happened.
   */
  #first(isEnd: boolean): GateEntry | undefined {
    const [head] = this.#queue
    const together = this.#queue.filter(({ moment }) => moment === head?.moment)
    const isAlone = together.length === 1 && head?.moment !== this.#moment
    const isSure = isEnd || (isAlone && !this.#mayBeVoid)
    const next = this.#nextOfProduct()
    return together.find(({ name }) => name === next) ?? (isSure ? head : undefined)
  }
}
