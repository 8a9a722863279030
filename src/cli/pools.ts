import type { Pool, PoolOptions } from '../pool.ts'
import type { Spinner } from '../spinner.ts'
import type { PoolConfig } from './config/config.ts'
import { startOptions } from './options.ts'
import type { Outlets } from './outlets.ts'

/** The pools of a configuration, by name. */
export class Pools {
  readonly #spinner: Spinner
  readonly #outlets: Outlets
  readonly #pools = new Map<string, Pool>()

  constructor(spinner: Spinner, outlets: Outlets) {
    this.#spinner = spinner
    this.#outlets = outlets
  }

  /**
   * Makes its children known, and starts none. Its names may have been those of other children of the configuration before.
   */
  async define(name: string, config: PoolConfig): Promise<void> {
    const { Pool } = await import('../pool.ts')
    const options = await this.#optionsOf(name, config)
    const known = this.#pools.get(name)
    if (!known) return void this.#pools.set(name, new Pool(this.#spinner, options))
    known.reconfigure(options)
    await known.resize(options.size)
  }

  async start(name: string): Promise<void> {
    await this.#pools.get(name)?.start()
  }

  async stop(name: string): Promise<void> {
    await this.#pools.get(name)?.stop()
  }

  async restart(name: string): Promise<void> {
    await this.#pools.get(name)?.restart()
  }

  /** Ends those that it is to have no longer. */
  async shrink(name: string, size: number): Promise<void> {
    const pool = this.#pools.get(name)
    if (pool && size < pool.size) await pool.resize(size)
  }

  /** Only one that differs in more than its size is restarted. */
  async change(name: string, before: PoolConfig, after: PoolConfig): Promise<void> {
    const pool = this.#pools.get(name)
    if (!pool) return this.define(name, after).then(() => this.start(name))
    const isOther = JSON.stringify({ ...before, size: 0 }) !== JSON.stringify({ ...after, size: 0 })
    if (isOther) pool.reconfigure(await this.#optionsOf(name, after))
    if (before.size !== after.size) await pool.resize(after.size)
    if (isOther) await pool.restart()
  }

  async #optionsOf(name: string, { options, port, size }: PoolConfig): Promise<PoolOptions> {
    const ports = port === undefined ? {} : { port }
    return { ...(await startOptions(options, this.#outlets)), ...ports, name, size }
  }
}
