import { firstLineOf, SpinnerError } from '../errors.ts'
import { silenced } from '../promises.ts'
import type { Child } from '../types/child.ts'

/** Questions of a rolling restart to its pool. */
export interface RollingHooks {
  /** Returns whether the child must still be restarted. Throws to end the restart and leave the other children as they are. */
  mustRestart(child: Child): boolean
  /** Returns the port that the child gets, or null if it may get any. */
  portOf(child: Child): number | null
}

/**
 * Restarts children one after the other: the next one when the previous one is ready again. Children that do not serve
 * come first, because their restart interrupts nothing. A child that gets the port of another child comes after that child.
 *
 * Throws the error of the first child that does not come up, and leaves the other children as they are.
 */
export async function rollingRestart(
  pool: string,
  children: readonly Child[],
  { mustRestart, portOf }: RollingHooks,
): Promise<void> {
  const remaining = [...children].sort((a, b) => Number(a.serves) - Number(b.serves))
  let done = 0
  while (remaining.length > 0) {
    const [child] = remaining.splice(nextIndex(remaining, portOf), 1) as [Child]
    if (!mustRestart(child)) continue
    try {
      await child.restart()
    } catch (thrown) {
      if (!mustRestart(child)) continue
      throw rollingError(pool, child.name, done, children.length, thrown as Error)
    }
    done++
  }
}

/** Returns the index of the first child whose new port no other remaining child holds. */
function nextIndex(remaining: readonly Child[], portOf: RollingHooks['portOf']): number {
  const holders = new Map(remaining.map((child) => [child.address, child]))
  const isFree = (child: Child): boolean => {
    const port = portOf(child)
    return port === null || [undefined, child].includes(holders.get(port))
  }
  return Math.max(remaining.findIndex(isFree), 0)
}

function rollingError(pool: string, child: string, done: number, size: number, cause: Error): SpinnerError {
  const { code, output = [] } =
    cause instanceof SpinnerError ? cause : { code: 'ERR_SPINNER_NOT_READY' as const }
  const message = `The rolling restart of pool '${pool}' stopped at '${child}', after ${done} of ${size} children; the others were not restarted. Fix the cause, then restart the pool again. ${firstLineOf(cause)}`
  return new SpinnerError(code, message, { child, cause, output })
}

/** Runs one restart at a time. All requests during a restart share one more restart after it. */
export class RestartQueue {
  readonly #restart: (reason: string) => Promise<void>
  #current: Promise<void> | null = null
  #next: Promise<void> | null = null

  constructor(restart: (reason: string) => Promise<void>) {
    this.#restart = restart
  }

  /** Resolves when a restart that began after this call is complete. The rejection never becomes an unhandled one. */
  request(reason: string): Promise<void> {
    return silenced(() => (this.#current ? this.#afterCurrent(this.#current, reason) : this.#run(reason)))
  }

  #run(reason: string): Promise<void> {
    this.#current = this.#restart(reason).finally(() => {
      this.#current = null
    })
    return this.#current
  }

  #afterCurrent(current: Promise<void>, reason: string): Promise<void> {
    const run = (): Promise<void> => {
      this.#next = null
      return this.request(reason)
    }
    this.#next ??= current.then(run, run)
    return this.#next
  }
}
