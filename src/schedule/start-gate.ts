import type { Sys } from '../sys.ts'

/** A start that takes longer probably waits for something, so its slot is given to the next start. */
const MAX_STAY_MS = 1_000

/** Gives the slot back. Can be called more than once. */
export type Leave = () => void

/**
 * Limits the number of concurrent starts, and lets at most one begin in each turn of the event loop: a spawn blocks the
 * host, and children that boot at the same time slow each other down (docs/hazards.md#h15).
 */
export class StartGate {
  readonly #sys: Sys
  readonly #slots: number
  readonly #queue: (() => void)[] = []
  #taken = 0
  #isUsedThisTurn = false

  constructor(sys: Sys, slots: number) {
    this.#sys = sys
    this.#slots = slots
  }

  /** Waits for a slot. Rejects with the signal's reason if the signal is aborted meanwhile. */
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

  /** True while a start waits for a slot. */
  get isBusy(): boolean {
    return this.#queue.length > 0
  }

  #isOpen(): boolean {
    return this.#taken < this.#slots && !this.#isUsedThisTurn
  }

  #take(): Leave {
    this.#taken++
    this.#isUsedThisTurn = true
    void this.#sys.nextTurn().then(() => {
      this.#isUsedThisTurn = false
      this.#admitNext()
    })
    let isInside = true
    const leave = (): void => {
      if (!isInside) return
      isInside = false
      this.#taken--
      this.#sys.clock.clearTimeout(timer)
      this.#admitNext()
    }
    const timer = this.#sys.clock.setTimeout(leave, MAX_STAY_MS)
    return leave
  }

  #admitNext(): void {
    if (this.#isOpen()) this.#queue.shift()?.()
  }
}
