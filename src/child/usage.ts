import type { Capacity } from '../schedule/capacity.ts'
import type { SharedInterval } from '../schedule/shared-interval.ts'
import type { Sys } from '../sys.ts'

/** What the use of children needs of what they share. */
export interface UsageContext {
  readonly sys: Sys
  readonly intervals: SharedInterval
  readonly capacity: Capacity | null
}

/** Uses of all children so far: it tells which of two was the later one, and costs less than a look at a clock. */
let uses = 0

/** How a child is used: touches, leases, and what happens when there are none. */
export class Usage {
  readonly #shared: UsageContext
  #isUsed = false
  #leases = 0
  #last = 0
  #idle: IdleWatch | null = null

  constructor(shared: UsageContext) {
    this.#shared = shared
  }

  get leases(): number {
    return this.#leases
  }

  /** Orders children by their last use. */
  get lastUsed(): number {
    return this.#last
  }

  /** When it will be idle, in wall-clock milliseconds; null while that is not counted. */
  get idleAt(): Date | null {
    if (this.#idle === null || this.#leases > 0) return null
    return new Date(this.#shared.sys.clock.date() + this.#idle.left)
  }

  touch(): void {
    this.#isUsed = true
    this.#last = ++uses
  }

  acquire(): void {
    this.#leases++
  }

  release(): void {
    this.#leases--
    this.touch()
    if (this.#leases === 0) this.#shared.capacity?.rebalance()
  }

  /** Calls `onIdle` when nothing was used for so long; `unwatch` ends that. */
  watch(seconds: number, onIdle: (reason: string) => void): void {
    const { intervals: rounds, sys } = this.#shared
    const takeUse = (): boolean => {
      const used = this.#isUsed || this.#leases > 0
      this.#isUsed = false
      return used
    }
    const reason = `nobody used it for ${seconds} s`
    this.#idle = new IdleWatch(sys, rounds, seconds * 1_000, takeUse, () => onIdle(reason))
  }

  unwatch(): void {
    this.#idle?.close()
    this.#idle = null
  }
}

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

  constructor(sys: Sys, rounds: SharedInterval, idleMs: number, takeUse: () => boolean, onIdle: () => void) {
    this.#sys = sys
    this.#idleMs = idleMs
    this.#takeUse = takeUse
    this.#onIdle = onIdle
    this.#since = sys.clock.now()
    takeUse()
    const period = Math.min(Math.max(Math.ceil(idleMs / LOOKS), SHORTEST_LOOK_MS), LONGEST_LOOK_MS)
    this.#leaveRounds = rounds.every(period, () => this.#look())
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
