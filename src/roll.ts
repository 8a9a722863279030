import type { Child } from './child.ts'
import { headOf, SpinnerError } from './errors.ts'

/**
 * Restarts children one after the other, each only when the one before is ready again. Those that do not serve come
 * first: with them nothing is lost. `mayGoOn` throws when the rest shall be left as it is, and answers whether a child
 * is still to be restarted.
 */
export async function roll(
  pool: string,
  children: readonly Child[],
  mayGoOn: (child: Child) => boolean,
): Promise<void> {
  const serves = (child: Child): boolean => child.state === 'started'
  const order = [...children].sort((a, b) => Number(serves(a)) - Number(serves(b)))
  let done = 0
  for (const child of order) {
    if (!mayGoOn(child)) continue
    try {
      await child.restart()
    } catch (thrown) {
      if (!mayGoOn(child)) continue
      throw brokenRoll(pool, child.name, done, order.length, thrown as Error)
    }
    done++
  }
}

function brokenRoll(pool: string, child: string, done: number, size: number, cause: Error): SpinnerError {
  const { code, output = [] } =
    cause instanceof SpinnerError ? cause : { code: 'ERR_SPINNER_NOT_READY' as const }
  const message = `The rolling restart of pool '${pool}' stopped at '${child}', after ${done} of ${size}; the others serve as they did. Mend it, and restart the pool again. ${headOf(cause)}`
  return new SpinnerError(code, message, { child, cause, output })
}
