import type { Rounds } from '../schedule/shared-interval.ts'
import type { Sys } from '../sys.ts'

/** Looks per idle time: a child stays up at most an eighth longer than asked, and never shorter. */
const LOOKS = 8
const SHORTEST_LOOK_MS = 10
const LONGEST_LOOK_MS = 15_000

/** Notices that nobody has used a child for a while. Use is a flag that each look takes back: no timer per touch. */
export class IdleWatch {
  readonly #sys: Sys
  readonly #idleMs: number
  readonly #takeUse: () => boolean
  readonly #onIdle: () => void
  readonly #leaveRounds: () => void
  #since: number
  #closed = false

  constructor(sys: Sys, rounds: Rounds, idleMs: number, takeUse: () => boolean, onIdle: () => void) {
    this.#sys = sys
    this.#idleMs = idleMs
    this.#takeUse = takeUse
    this.#onIdle = onIdle
    this.#since = sys.clock.now()
    takeUse()
    const period = Math.min(Math.max(Math.ceil(idleMs / LOOKS), SHORTEST_LOOK_MS), LONGEST_LOOK_MS)
    this.#leaveRounds = rounds.join(period, () => this.#look())
  }

  /** Milliseconds until it would be stopped, as far as the last look knows. */
  get left(): number {
    return Math.max(0, this.#since + this.#idleMs - this.#sys.clock.now())
  }

  close(): void {
    this.#closed = true
    this.#leaveRounds()
  }

  #look(): void {
    if (this.#isUsed() || this.left > 0) return
    // Whoever uses it in this very turn still keeps it.
    void this.#sys.nextTurn().then(() => {
      if (!this.#closed && !this.#isUsed()) this.#onIdle()
    })
  }

  #isUsed(): boolean {
    const used = this.#takeUse()
    if (used) this.#since = this.#sys.clock.now()
    return used
  }
}
