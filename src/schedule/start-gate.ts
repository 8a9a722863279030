import type { Sys } from '../sys.ts'

/** A start that takes longer is waiting for something; it gives its place on, so that it holds up nobody. */
const LONGEST_STAY_MS = 1_000

/** Gives the place back; may be called more than once. */
export type Leave = () => void

/**
 * Lets a bounded number of starts be under way at once, and at most one in each turn of the loop: a spawn
 * blocks the host, and children that boot together slow each other down (docs/hazards.md#h15).
 */
export class StartGate {
  readonly #sys: Sys
  readonly #places: number
  readonly #queue: (() => void)[] = []
  #taken = 0
  #usedThisTurn = false

  constructor(sys: Sys, places: number) {
    this.#sys = sys
    this.#places = places
  }

  /** Waits for a place; the signal takes the caller out of the queue. */
  enter(signal: AbortSignal): Promise<Leave> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason)
      const onAbort = (): void => {
        this.#queue.splice(this.#queue.indexOf(admit), 1)
        reject(signal.reason)
      }
      const admit = (): void => {
        signal.removeEventListener('abort', onAbort)
        resolve(this.#take())
      }
      if (this.#isOpen() && this.#queue.length === 0) return admit()
      signal.addEventListener('abort', onAbort, { once: true })
      this.#queue.push(admit)
    })
  }

  /** Whether somebody waits for a place. */
  get isBusy(): boolean {
    return this.#queue.length > 0
  }

  #isOpen(): boolean {
    return this.#taken < this.#places && !this.#usedThisTurn
  }

  #take(): Leave {
    this.#taken++
    this.#usedThisTurn = true
    void this.#sys.nextTurn().then(() => {
      this.#usedThisTurn = false
      this.#admitNext()
    })
    let inside = true
    const leave = (): void => {
      if (!inside) return
      inside = false
      this.#taken--
      this.#sys.clock.clearTimeout(timer)
      this.#admitNext()
    }
    const timer = this.#sys.clock.setTimeout(leave, LONGEST_STAY_MS)
    return leave
  }

  #admitNext(): void {
    if (this.#isOpen()) this.#queue.shift()?.()
  }
}
