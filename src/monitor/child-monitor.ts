import type { SharedInterval } from '../schedule/shared-interval.ts'
import type { Sys } from '../sys.ts'
import type { ChildSettings } from '../types/options.ts'
import { Monitor } from './monitor.ts'

/** Tools that all monitors of a spinner share. */
interface MonitorContext {
  readonly sys: Sys
  readonly intervals: SharedInterval
}

interface MonitorHooks {
  changed(file: string): void
  error(error: Error): void
}

/** Holds the monitor of one child from its first launch until it is stopped, and replaces it if its options change. */
export class ChildMonitor {
  readonly #context: MonitorContext
  readonly #hooks: MonitorHooks
  #monitor: Monitor | null = null
  /** Options of the current monitor, as JSON. */
  #watched: string | null = null

  constructor(context: MonitorContext, hooks: MonitorHooks) {
    this.#context = context
    this.#hooks = hooks
  }

  watch({ cwd, monitor, name }: ChildSettings): void {
    const wanted =
      monitor && JSON.stringify([monitor.paths, monitor.ignore.map(String), monitor.debounce, cwd])
    if (wanted === this.#watched) return
    this.#monitor?.close()
    this.#watched = wanted
    const { sys, intervals } = this.#context
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
