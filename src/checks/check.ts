import { parseDuration } from '../duration.ts'
import { messageOf } from '../errors.ts'
import type { Check } from '../plugin.ts'
import type { Clock } from '../sys.ts'

/** Called when a check has failed `retries` times in a row. */
export type Unhealthy = (reason: string) => void

/**
 * Runs one check over and over. The next run is timed from the end of the last, so that a slow one never piles
 * up (HAZARDS H21). Returns its undo.
 */
export function watchHealth(
  clock: Clock,
  check: Check,
  run: (signal: AbortSignal) => Promise<void>,
  unhealthy: Unhealthy,
): () => void {
  const ending = new AbortController()
  const interval = (parseDuration(check.interval) as number) * 1_000
  let failures = 0
  let timer: unknown
  const again = (): void => {
    if (!ending.signal.aborted) timer = clock.setTimeout(look, interval)
  }
  const failed = (thrown: unknown): void => {
    if (ending.signal.aborted || ++failures < check.retries) return
    failures = 0
    unhealthy(messageOf(thrown))
  }
  const look = (): void => {
    void Promise.resolve()
      .then(() => run(ending.signal))
      .then(() => {
        failures = 0
      }, failed)
      .finally(again)
  }
  again()
  return () => {
    ending.abort()
    clock.clearTimeout(timer)
  }
}
