import type { CheckInfo, Child } from '../types/child.ts'
import type { Check } from '../types/plugin.ts'
import { CheckRunner, type RunnerContext } from './runner.ts'

type CheckInfos = Readonly<Record<string, CheckInfo>>

/** Results of a child without checks, or without a started process. */
export const NO_CHECKS: CheckInfos = Object.freeze(Object.create(null))

/** Runs the checks of one child, from `begin()` to `end()`: while the child is started. */
export class Health {
  readonly #context: RunnerContext
  readonly #child: Child
  readonly #onUnhealthy: (reason: string) => void
  readonly #runners = new Map<string, CheckRunner>()
  /** Names of the checks whose lack of a result was reported. Each is reported once, until it has a result again. */
  readonly #reported = new Set<string>()

  constructor(context: RunnerContext, child: Child, onUnhealthy: (reason: string) => void) {
    this.#context = context
    this.#child = child
    this.#onUnhealthy = onUnhealthy
  }

  begin(checks: readonly Check[]): void {
    for (const check of checks) this.#runners.set(check.name, this.#runnerOf(check))
  }

  end(): void {
    for (const runner of this.#runners.values()) runner.close()
    this.#runners.clear()
  }

  /** Returns the last result of each check, by its name. */
  info(): CheckInfos {
    if (this.#runners.size === 0) return NO_CHECKS
    const infos: Record<string, CheckInfo> = Object.create(null)
    for (const [name, { info }] of this.#runners) infos[name] = info
    return Object.freeze(infos)
  }

  #runnerOf(check: Check): CheckRunner {
    const { name } = check
    return new CheckRunner(this.#context, check, (signal) => check.run(this.#child, signal), {
      unhealthy: (reason) => this.#onUnhealthy(`check '${name}' failed: ${reason}`),
      unknown: (reason) => {
        if (reason === null) this.#reported.delete(name)
        else this.#reportOnce(name, reason)
      },
    })
  }

  #reportOnce(name: string, reason: string): void {
    if (this.#reported.has(name)) return
    this.#reported.add(name)
    const problem = `'${this.#child.name}': the check '${name}' has no result: ${reason}.`
    this.#child.reportError(
      new Error(
        `${problem} The run does not count. This is not reported again until the check has a result.`,
      ),
    )
  }
}
