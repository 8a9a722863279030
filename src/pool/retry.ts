import type { Clock } from '../sys.ts'
import type { Child } from '../types/child.ts'
import type { Spinner } from '../types/spinner.ts'

/** Shortest wait. With a shorter `faultTimeout`, a program that fails at once would be spawned all the time. */
const SHORTEST_WAIT_MS = 1_000

/**
 * Starts children again after their `faultTimeout`: those that are faulted, and those whose last start found no free
 * slot. The host of a pool, or of the command, does not call `start` for them, so nothing else would.
 *
 * Uses `start`, not `restart`: `restart` forgets earlier crashes, and only a person may do that.
 */
export class FaultRetry {
  readonly #spinner: Spinner
  readonly #clock: Clock
  readonly #mustRun: (child: Child) => boolean
  readonly #timers = new Map<Child, unknown>()

  /** Takes care of those children of `spinner` for which `mustRun` returns true, both now and when the wait is over. */
  constructor(spinner: Spinner, clock: Clock, mustRun: (child: Child) => boolean) {
    this.#spinner = spinner
    this.#clock = clock
    this.#mustRun = mustRun
    spinner.on('state', this.#onState)
  }

  /** Gives up all waits. Children that fail later are retried again. */
  cancel(): void {
    for (const timer of this.#timers.values()) this.#clock.clearTimeout(timer)
    this.#timers.clear()
  }

  /** Gives up all waits, and retries no child any more. */
  close(): void {
    this.#spinner.off('state', this.#onState)
    this.cancel()
  }

  readonly #onState = (child: Child): void => {
    this.#forget(child)
    if (this.#isDue(child)) this.#wait(child)
  }

  #isDue(child: Child): boolean {
    return child.needsRetry && !this.#spinner.isClosing && this.#mustRun(child)
  }

  #wait(child: Child): void {
    const wait = Math.max(SHORTEST_WAIT_MS, child.info().options.faultTimeout * 1_000)
    this.#waitUntil(child, this.#clock.now() + wait)
  }

  #waitUntil(child: Child, due: number): void {
    const timer = this.#clock.setTimeout(() => {
      this.#timers.delete(child)
      // A timer can be early: by a part of a millisecond, or because no timer is longer than 25 days.
      if (this.#clock.now() < due) this.#waitUntil(child, due)
      else if (this.#isDue(child)) this.#retry(child)
    }, due - this.#clock.now())
    this.#timers.set(child, timer)
  }

  #retry(child: Child): void {
    // The child itself reports what goes wrong with the start.
    this.#spinner.start(child.name)
    // The start was rejected if `faultTimeout` was changed during the wait; then no state event follows.
    if (this.#isDue(child)) this.#wait(child)
  }

  #forget(child: Child): void {
    this.#clock.clearTimeout(this.#timers.get(child))
    this.#timers.delete(child)
  }
}
