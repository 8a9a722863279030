import type { Budget } from '../schedule/capacity.ts'
import type { Rounds } from '../schedule/shared-interval.ts'
import type { Sys } from '../sys.ts'
import { IdleWatch } from './idle.ts'

/** What the use of children needs of what they share. */
export interface UseShared {
  readonly sys: Sys
  readonly rounds: Rounds
  readonly budget: Budget | null
}

/** Uses of all children so far: it tells which of two was the later one, and costs less than a look at a clock. */
let uses = 0

/** How a child is used: touches, leases, and what happens when there are none. */
export class Use {
  readonly #shared: UseShared
  #isUsed = false
  #leases = 0
  #last = 0
  #idle: IdleWatch | null = null

  constructor(shared: UseShared) {
    this.#shared = shared
  }

  get leases(): number {
    return this.#leases
  }

  /** Orders children by their last use. */
  get last(): number {
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

  hold(): void {
    this.#leases++
  }

  letGo(): void {
    this.#leases--
    this.touch()
    if (this.#leases === 0) this.#shared.budget?.look()
  }

  /** Calls `onIdle` when nothing was used for so long; `unwatch` ends that. */
  watch(seconds: number, onIdle: (reason: string) => void): void {
    const { rounds, sys } = this.#shared
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
