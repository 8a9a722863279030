import type { Child } from '../../types/child.ts'
import type { Spinner } from '../../types/spinner.ts'

/** A timer longer than this would fire at once, and one of nothing would spin. */
const [SHORTEST_WAIT, LONGEST_WAIT] = [1_000, 2_147_483_647]

/**
 * Nobody asks for a child again here, as a program would: so one that failed, or found no room, is tried again as soon as
 * it may.
 */
export class RetryTimers {
  readonly #isKept: (child: Child) => boolean
  readonly #timers = new Map<Child, NodeJS.Timeout>()
  #isClosed = false

  /** `isKept` are those that shall be up. */
  constructor(spinner: Spinner, isKept: (child: Child) => boolean) {
    this.#isKept = isKept
    spinner.on('state', (child) => this.#look(child))
  }

  close(): void {
    this.#isClosed = true
    for (const timer of this.#timers.values()) clearTimeout(timer)
  }

  #look(child: Child): void {
    if (this.#isClosed || !this.#isDown(child)) return
    clearTimeout(this.#timers.get(child))
    const wait = Math.max(SHORTEST_WAIT, child.info().options.faultTimeout * 1_000 + 50)
    const again = (): void => {
      this.#timers.delete(child)
      if (this.#isDown(child)) child.restart().catch(() => {})
    }
    this.#timers.set(child, setTimeout(again, Math.min(wait, LONGEST_WAIT)))
  }

  #isDown(child: Child): boolean {
    return this.#isKept(child) && child.needsRetry
  }
}
