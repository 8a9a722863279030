import type { Owner, Shared } from '../context.ts'
import type { ChildSettings } from '../types/options.ts'
import { Monitor } from './monitor.ts'

/** The monitor of one child: from its first attempt until it is stopped, and another when it is to watch other files. */
export class Watching {
  readonly #shared: Pick<Shared, 'sys' | 'rounds'>
  readonly #owner: Pick<Owner, 'send' | 'error'>
  #monitor: Monitor | null = null
  /** What the monitor was made for. */
  #watched: string | null = null

  constructor(shared: Pick<Shared, 'sys' | 'rounds'>, owner: Pick<Owner, 'send' | 'error'>) {
    this.#shared = shared
    this.#owner = owner
  }

  watch({ cwd, monitor, name }: ChildSettings): void {
    const wanted =
      monitor && JSON.stringify([monitor.paths, monitor.ignore.map(String), monitor.debounce, cwd])
    if (wanted === this.#watched) return
    this.#monitor?.close()
    this.#watched = wanted
    const { sys, rounds } = this.#shared
    const { send, error } = this.#owner
    this.#monitor =
      monitor &&
      new Monitor(sys, rounds, monitor, cwd ?? '.', {
        changed: (file) => send({ type: 'changed', file }),
        warn: (message) => error(new Error(`'${name}': ${message}`)),
      })
  }

  close(): void {
    this.#monitor?.close()
    this.#monitor = null
    this.#watched = null
  }
}
