import { INVALID, show, string } from '../options/parsers.ts'
import { invalid, type OptionSpec, readWithDefaults } from '../options/read.ts'
import { withTimeout } from '../promises.ts'
import type { Child, Figures } from '../types/child.ts'
import type { Duration } from '../types/options.ts'
import type { Check, CheckResult } from '../types/plugin.ts'
import { accessOf } from './access.ts'
import { type PaceOptions, paceOptions, type SettingsOf, secondsOption } from './options.ts'

/** Options of {@link check}. */
export interface CheckOptions extends PaceOptions {
  /** Number of consecutive failures that make the child unhealthy. @default 3 */
  retries?: number
  /** Time from the end of one run to the next. @default 5 */
  interval?: Duration
  /** Maximum time for a run. After that its signal is aborted and the run has failed. @default 10 */
  timeout?: Duration
}

type Settings = SettingsOf<CheckOptions>

const OPTIONS: Readonly<Record<keyof Settings, OptionSpec>> = {
  ...paceOptions(3, 5),
  timeout: secondsOption(10),
}

/**
 * Creates a check from a function. If the child is unhealthy, the function rejects, and the rejection is the reason. If the child
 * is healthy, the function resolves with nothing, or with an object of numbers for `ChildInfo.checks`. If the function cannot
 * decide, it resolves with `null`. Invalid options throw an `ERR_SPINNER_INVALID_OPTION`.
 *
 * @example
 * import { createSpinner } from 'spinner'
 * import { check } from 'spinner/checks'
 *
 * const queue = []
 * const short = check('queue', async () => {
 *   if (queue.length > 100) throw new Error('its queue is too long')
 *   return { length: queue.length }
 * })
 * const spinner = createSpinner({ checks: [short] })
 * await spinner.close()
 */
export function check(
  name: string,
  run: (child: Child, signal: AbortSignal) => CheckResult,
  options: CheckOptions = {},
): Check {
  if (string(name) === INVALID)
    throw invalid([`the name must be a non-empty string, but it is ${show(name)}`], 'check()')
  if (typeof run !== 'function')
    throw invalid([`the second argument must be a function, but it is ${show(run)}`], 'check()')
  const { retries, interval, timeout } = readWithDefaults<Settings>(options, OPTIONS, { caller: 'check()' })
  return {
    name,
    interval,
    retries,
    run: (child, signal) => {
      const { clock } = accessOf(child).context.sys
      return withTimeout(
        clock,
        timeout,
        signal,
        (runSignal) => run(child, runSignal) as Promise<Figures | null | undefined>,
      )
    },
  }
}
