import { firstLineOf, SpinnerError } from '../errors.ts'
import type { Child } from '../types/child.ts'

/** What a rolling restart asks while it is under way. */
export interface RollingHooks {
  /** Throws when the rest shall be left as it is, and answers whether a child is still to be restarted. */
  mayGoOn(child: Child): boolean
  /** The port that a child is to get; null where it may have any. */
  portOf(child: Child): number | null
}

/**
 * Restarts children one after the other, each only when the one before is ready again. Those that do not serve come
 * first: with them nothing is lost. Who is to get a port that another one of them holds waits for that one.
 */
export async function rollingRestart(
  pool: string,
  children: readonly Child[],
  { mayGoOn, portOf }: RollingHooks,
): Promise<void> {
  const serves = (child: Child): boolean => child.state === 'started'
  const left = [...children].sort((a, b) => Number(serves(a)) - Number(serves(b)))
  let done = 0
  while (left.length > 0) {
    const [child] = left.splice(nextOf(left, portOf), 1) as [Child]
    if (!mayGoOn(child)) continue
    try {
      await child.restart()
    } catch (thrown) {
      if (!mayGoOn(child)) continue
      throw brokenRoll(pool, child.name, done, children.length, thrown as Error)
    }
    done++
  }
}

/** The index of the first whose port no other one holds. */
function nextOf(left: readonly Child[], portOf: RollingHooks['portOf']): number {
  const holders = new Map(left.map((child) => [child.address, child]))
  const isFree = (child: Child): boolean => {
    const port = portOf(child)
    return port === null || [undefined, child].includes(holders.get(port))
  }
  return Math.max(left.findIndex(isFree), 0)
}

function brokenRoll(pool: string, child: string, done: number, size: number, cause: Error): SpinnerError {
  const { code, output = [] } =
    cause instanceof SpinnerError ? cause : { code: 'ERR_SPINNER_NOT_READY' as const }
  const message = `The rolling restart of pool '${pool}' stopped at '${child}', after ${done} of ${size}; the others serve as they did. Mend it, and restart the pool again. ${firstLineOf(cause)}`
  return new SpinnerError(code, message, { child, cause, output })
}
