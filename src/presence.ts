import type { Child } from './child.ts'
import type { Clock } from './sys.ts'

/**
 * Keeps children present: one that is faulted is refused for `faultTimeout`, and nobody else would ask for it when that
 * has passed.
 */
export class Presence {
  readonly #clock: Clock
  readonly #kept = new Map<Child, () => void>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  keep(child: Child): void {
    if (this.#kept.has(child)) return
    let timer: unknown
    const again = (): void => {
      if (child.state === 'faulted') begin(child)
    }
    const onFaulted = (): void => {
      this.#clock.clearTimeout(timer)
      timer = this.#clock.setTimeout(again, child.info().options.faultTimeout * 1_000 + 1)
    }
    child.on('faulted', onFaulted)
    this.#kept.set(child, () => {
      child.off('faulted', onFaulted)
      this.#clock.clearTimeout(timer)
    })
  }

  forget(child: Child): void {
    this.#kept.get(child)?.()
    this.#kept.delete(child)
  }
}

/** What goes wrong is told by the child itself. */
function begin(child: Child): void {
  try {
    child.begin()
  } catch {
    // Its spinner was closed meanwhile.
  }
}
