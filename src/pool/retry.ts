import type { Child } from '../child/child.ts'
import type { Shared } from '../context.ts'

type Outside = Pick<Shared, 'budget' | 'sys'>

/** Whether it is down although nobody has stopped it: it failed, or found no room. */
export const isMissed = (child: Child, { budget }: Outside): boolean =>
  child.state === 'faulted' || (child.state === 'stopped' && budget?.hasTurnedAway(child) === true)

/**
 * Keeps children present: one that is faulted is refused for `faultTimeout`, and nobody else would ask for it when that
 * has passed. One that found no room is given the same time.
 */
export class Presence {
  readonly #outside: Outside
  readonly #kept = new Map<Child, () => void>()

  constructor(outside: Outside) {
    this.#outside = outside
  }

  keep(child: Child): void {
    if (this.#kept.has(child)) return
    const { clock } = this.#outside.sys
    let timer: unknown
    const again = (): void => {
      if (isMissed(child, this.#outside)) begin(child)
    }
    const onState = (): void => {
      clock.clearTimeout(timer)
      if (!isMissed(child, this.#outside)) return
      timer = clock.setTimeout(again, child.info().options.faultTimeout * 1_000 + 1)
    }
    child.on('state', onState)
    this.#kept.set(child, () => {
      child.off('state', onState)
      clock.clearTimeout(timer)
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
