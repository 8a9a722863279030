import type { Capacity } from '../schedule/capacity.ts'
import type { SharedInterval } from '../schedule/shared-interval.ts'
import type { Sys } from '../sys.ts'

/** The part of the spinner's context that usage needs. */
export interface UsageContext {
  readonly sys: Sys
  readonly intervals: SharedInterval
  readonly capacity: Capacity | null
}

/** Counts the uses of all children: it orders them by time, and costs less than reading a clock. */
let uses = 0

/** The usage of one child: touches, leases, and the notice that there were none for a while. */
export class Usage {
  readonly #context: UsageContext
  #isUsed = false
  #leases = 0
  #lastUsed = 0
  #idle: IdleWatch | null = null

  constructor(context: UsageContext) {
    this.#context = context
  }

  get leases(): number {
    return this.#leases
  }

  /** The number of the last use; a later use has a higher number. */
  get lastUsed(): number {
    return this.#lastUsed
  }

  /** When the child will be idle; null while the idle clock does not run. */
  get idleAt(): Date | null {
    if (this.#idle === null || this.#leases > 0) return null
    return new Date(this.#context.sys.clock.date() + this.#idle.left)
  }

  touch(): void {
    this.#isUsed = true
    this.#lastUsed = ++uses
  }

  acquire(): void {
    this.#leases++
  }

  release(): void {
    this.#leases--
    this.touch()
    if (this.#leases === 0) this.#context.capacity?.rebalance()
  }

  /** Calls `onIdle` after this many seconds without use, until `unwatch` is called. */
  watch(seconds: number, onIdle: (reason: string) => void): void {
    const { intervals, sys } = this.#context
    const takeUse = (): boolean => {
      const used = this.#isUsed || this.#leases > 0
      this.#isUsed = false
      return used
    }
    const reason = `nobody used it for ${seconds} s`
    this.#idle = new IdleWatch(sys, intervals, seconds * 1_000, takeUse, () => onIdle(reason))
  }

  unwatch(): void {
    this.#idle?.close()
    this.#idle = null
  }
}

/** Polls per idle time: a child stays up at most an eighth longer than asked, and never shorter. */
const POLLS = 8
const SHORTEST_POLL_MS = 10
const LONGEST_POLL_MS = 15_000

/** Notices that a child was not used for a while. Each poll resets a flag that a use sets: there is no timer per touch. */
export class IdleWatch {
  readonly #sys: Sys
  readonly #idleMs: number
  readonly #takeUse: () => boolean
  readonly #onIdle: () => void
  readonly #stopPolling: () => void
  #since: number
  #closed = false

  constructor(
    sys: Sys,
    intervals: SharedInterval,
    idleMs: number,
    takeUse: () => boolean,
    onIdle: () => void,
  ) {
    this.#sys = sys
    this.#idleMs = idleMs
    this.#takeUse = takeUse
    this.#onIdle = onIdle
    this.#since = sys.clock.now()
    takeUse()
    const period = Math.min(Math.max(Math.ceil(idleMs / POLLS), SHORTEST_POLL_MS), LONGEST_POLL_MS)
    this.#stopPolling = intervals.every(period, () => this.#poll())
  }

  /** Milliseconds until the child is idle, as of the last poll. */
  get left(): number {
    return Math.max(0, this.#since + this.#idleMs - this.#sys.clock.now())
  }

  close(): void {
    this.#closed = true
    this.#stopPolling()
  }

  #poll(): void {
    if (this.#isUsed() || this.left > 0) return
    // A use in the same turn of the event loop still keeps the child.
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
