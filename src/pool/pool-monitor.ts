import { isDeepStrictEqual } from 'node:util'
import type { ChildSettings } from '../types/options.ts'
import type { Spinner } from '../types/spinner.ts'

/** Receives what a {@link PoolMonitor} sees. */
export interface PoolMonitorHooks {
  changed(file: string): void
  error(error: Error): void
}

/** Watches the files of a pool once for all children. If each child watched them, all would restart at the same time. */
export class PoolMonitor {
  readonly #spinner: Spinner
  readonly #hooks: PoolMonitorHooks
  #close: (() => void) | null = null
  /** The settings that are being watched. */
  #watched: unknown = null

  constructor(spinner: Spinner, hooks: PoolMonitorHooks) {
    this.#spinner = spinner
    this.#hooks = hooks
  }

  /** Watches the files of these settings. Does nothing if it watches them already. */
  watch({ cwd, monitor }: ChildSettings): void {
    const wanted = monitor === null ? null : { ...monitor, cwd }
    if (isDeepStrictEqual(wanted, this.#watched)) return
    this.close()
    if (wanted === null) return
    const { changed, error } = this.#hooks
    this.#close = this.#spinner.watch(wanted, changed, error)
    this.#watched = wanted
  }

  close(): void {
    this.#close?.()
    this.#close = null
    this.#watched = null
  }
}
