import { guard } from '../emitter.ts'
import type { SharedInterval } from '../schedule/shared-interval.ts'
import type { Sys } from '../sys.ts'
import type { Logger, MonitorSettings } from '../types/options.ts'
import { Monitor } from './monitor.ts'

/** The monitors that callers have asked for with `spinner.watch`. Contains what their callbacks throw. */
export class FileWatches {
  readonly #sys: Sys
  readonly #intervals: SharedInterval
  readonly #logger: () => Logger | null
  readonly #monitors = new Set<Monitor>()

  constructor(sys: Sys, intervals: SharedInterval, logger: () => Logger | null) {
    this.#sys = sys
    this.#intervals = intervals
    this.#logger = logger
  }

  /** Watches until the returned function is called, or until the spinner closes. */
  add(
    settings: MonitorSettings,
    cwd: string,
    onChange: (file: string) => void,
    onError: (error: Error) => void,
  ): () => void {
    const call = (action: () => unknown): void => guard(action, this.#logger(), 'a callback of watch()')
    const monitor = new Monitor(this.#sys, this.#intervals, settings, cwd, {
      changed: (file) => call(() => onChange(file)),
      warn: (message) => call(() => onError(new Error(message))),
    })
    this.#monitors.add(monitor)
    return () => {
      this.#monitors.delete(monitor)
      monitor.close()
    }
  }

  close(): void {
    for (const monitor of this.#monitors) monitor.close()
    this.#monitors.clear()
  }
}
