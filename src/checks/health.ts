import type { CheckInfo, Child } from '../types/child.ts'
import type { Check } from '../types/plugin.ts'
import { CheckRunner, type RunnerContext } from './runner.ts'

type Pictures = Readonly<Record<string, CheckInfo>>

/** Of a child without checks, or without a process. */
export const NO_CHECKS: Pictures = Object.freeze(Object.create(null))

/** The checks of one child: run while it is started, and at no other time. */
export class Health {
  readonly #ground: RunnerContext
  readonly #child: Child
  readonly #unhealthy: (reason: string) => void
  readonly #watches = new Map<string, CheckRunner>()
  /** Which checks cannot look, and have said so: it is said once, until they can. */
  readonly #untold = new Set<string>()

  constructor(ground: RunnerContext, child: Child, unhealthy: (reason: string) => void) {
    this.#ground = ground
    this.#child = child
    this.#unhealthy = unhealthy
  }

  begin(checks: readonly Check[]): void {
    for (const check of checks) this.#watches.set(check.name, this.#watch(check))
  }

  end(): void {
    for (const watch of this.#watches.values()) watch.close()
    this.#watches.clear()
  }

  /** What each has found last, by name. */
  info(): Pictures {
    if (this.#watches.size === 0) return NO_CHECKS
    const pictures: Record<string, CheckInfo> = Object.create(null)
    for (const [name, { info }] of this.#watches) pictures[name] = info
    return Object.freeze(pictures)
  }

  #watch(check: Check): CheckRunner {
    const { name } = check
    return new CheckRunner(this.#ground, check, (signal) => check.run(this.#child, signal), {
      unhealthy: (reason) => this.#unhealthy(`check '${name}' failed: ${reason}`),
      untold: (why) => {
        if (why === null) this.#untold.delete(name)
        else this.#tellOnce(name, why)
      },
    })
  }

  #tellOnce(name: string, why: string): void {
    if (this.#untold.has(name)) return
    this.#untold.add(name)
    const what = `'${this.#child.name}': the check '${name}' cannot tell how it is: ${why}.`
    this.#child.reportError(
      new Error(`${what} Nothing is done about it, and this is not said again until it can.`),
    )
  }
}
