import type { Clock } from '../sys.ts'
import type { Child } from '../types/child.ts'
import type { Spinner } from '../types/spinner.ts'

/**
 * Keeps children present: one that is faulted is refused for `faultTimeout`, and nobody else would ask for it when that
 * has passed. One that found no room is given the same time.
 */
export class FaultRetry {
  readonly #clock: Clock
  readonly #spinner: Spinner
  readonly #kept = new Map<Child, () => void>()

  constructor(clock: Clock, spinner: Spinner) {
    this.#clock = clock
    this.#spinner = spinner
  }

  keep(child: Child): void {
    if (this.#kept.has(child)) return
    let timer: unknown
    const again = (): void => {
      if (child.needsRetry) this.#start(child)
    }
    const onState = (): void => {
      this.#clock.clearTimeout(timer)
      if (!child.needsRetry) return
      timer = this.#clock.setTimeout(again, child.info().options.faultTimeout * 1_000 + 1)
    }
    child.on('state', onState)
    this.#kept.set(child, () => {
      child.off('state', onState)
      this.#clock.clearTimeout(timer)
    })
  }

  forget(child: Child): void {
    this.#kept.get(child)?.()
    this.#kept.delete(child)
  }

  /** What goes wrong is told by the child itself. */
  #start({ name }: Child): void {
    try {
      this.#spinner.start({ name })
    } catch {
      // Its spinner was closed meanwhile.
    }
  }
}
