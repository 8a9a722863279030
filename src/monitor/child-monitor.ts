import type { SharedInterval } from '../schedule/shared-interval.ts'
import type { Sys } from '../sys.ts'
import type { ChildSettings } from '../types/options.ts'
import { Monitor } from './monitor.ts'

/** What monitors share, and what they tell. */
interface MonitorContext {
  readonly sys: Sys
  readonly intervals: SharedInterval
}

interface MonitorHooks {
  changed(file: string): void
  error(error: Error): void
}

/** The monitor of one child: from its first attempt until it is stopped, and another when it is to watch other files. */
export class ChildMonitor {
  readonly #shared: MonitorContext
  readonly #hooks: MonitorHooks
  #monitor: Monitor | null = null
  /** What the monitor was made for. */
  #watched: string | null = null

  constructor(shared: MonitorContext, hooks: MonitorHooks) {
    this.#shared = shared
    this.#hooks = hooks
  }

  watch({ cwd, monitor, name }: ChildSettings): void {
    const wanted =
      monitor && JSON.stringify([monitor.paths, monitor.ignore.map(String), monitor.debounce, cwd])
    if (wanted === this.#watched) return
    this.#monitor?.close()
    this.#watched = wanted
    const { sys, intervals } = this.#shared
    const { changed, error } = this.#hooks
    this.#monitor =
      monitor &&
      new Monitor(sys, intervals, monitor, cwd ?? '.', {
        changed,
        warn: (message) => error(new Error(`'${name}': ${message}`)),
      })
  }

  close(): void {
    this.#monitor?.close()
    this.#monitor = null
    this.#watched = null
  }
}
