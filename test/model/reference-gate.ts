import type { Plan, ReferenceTime } from './reference-time.ts'

/** One of those who wait at the gate, or have passed it. */
export interface Passage {
  readonly name: string
  readonly admit: () => void
  readonly moment: number
  inside: boolean
  stay: Plan | null
}

/** At most one start passes in each turn, and a bounded number is under way; after a second one counts no more. */
export class ReferenceGate {
  readonly #time: ReferenceTime
  readonly #places: number
  readonly #nextOfProduct: () => string | undefined
  #queue: Passage[] = []
  #moment = 0
  #inside = 0
  #usedThisTurn = false
  /** There was room, and it was not known for whom. */
  #isUndecided = false
  /** Somebody gave up waiting since then: it may have been for them, and nothing came of it. */
  #mayBeVoid = false

  /**
   * In which order two come to the gate at the same moment is promised to nobody: there the model follows the product,
   * which names who was let in next, if it knows.
   */
  constructor(time: ReferenceTime, places: number, nextOfProduct: () => string | undefined) {
    this.#time = time
    this.#places = places
    this.#nextOfProduct = nextOfProduct
  }

  enter(name: string, admit: () => void): Passage {
    const passage = { name, admit, moment: this.#moment, inside: false, stay: null }
    this.#queue.push(passage)
    this.#admit()
    return passage
  }

  /** It gives its place back, or gives up waiting for one. */
  leave(passage: Passage | null): void {
    if (!passage) return
    this.#mayBeVoid ||= this.#isUndecided && this.#queue.includes(passage)
    this.#queue = this.#queue.filter((other) => other !== passage)
    if (!passage.inside) return
    passage.inside = false
    this.#inside--
    this.#time.callOff(passage.stay)
    this.#admit()
  }

  /** Nobody else comes at this moment. */
  endMoment(): void {
    if (this.#mayBeVoid && this.#nextOfProduct() === undefined) this.#useTurn()
    this.#admit(true)
    this.#moment++
    this.#isUndecided = false
    this.#mayBeVoid = false
  }

  #admit(isEnd = false): void {
    if (this.#usedThisTurn || this.#inside >= this.#places) return
    const passage = this.#first(isEnd)
    this.#isUndecided ||= !passage && this.#queue.length > 0
    if (!passage) return
    this.#queue = this.#queue.filter((other) => other !== passage)
    this.#inside++
    this.#useTurn()
    passage.inside = true
    passage.stay = this.#time.after(1_000, () => this.leave(passage))
    this.#time.soon(passage.admit)
  }

  #useTurn(): void {
    this.#usedThisTurn = true
    this.#time.turns.push(() => {
      this.#usedThisTurn = false
      this.#admit()
    })
  }

  /**
   * Who is next; of those who came at one moment the one that the product took. Until the moment is over that may be
   * unknown, or still on its way.
   */
  #first(isEnd: boolean): Passage | undefined {
    const [head] = this.#queue
    const together = this.#queue.filter(({ moment }) => moment === head?.moment)
    const isAlone = together.length === 1 && head?.moment !== this.#moment
    const isSure = isEnd || (isAlone && !this.#mayBeVoid)
    const next = this.#nextOfProduct()
    return together.find(({ name }) => name === next) ?? (isSure ? head : undefined)
  }
}
