import type { Pool, PoolOptions } from '../../pool/index.ts'
import { realSys } from '../../sys.ts'
import type { Spinner } from '../../types/spinner.ts'
import type { PoolConfig } from '../config/model.ts'
import { type ChildIo, startOptions } from './library-options.ts'
import { isDeepEqual } from './plan.ts'

/** The pools of a configuration, by name. */
export class Pools {
  readonly #spinner: Spinner
  readonly #io: ChildIo
  readonly #pools = new Map<string, Pool>()
  readonly #applied = new Map<string, PoolConfig>()

  constructor(spinner: Spinner, io: ChildIo) {
    this.#spinner = spinner
    this.#io = io
  }

  /** The pools that were started, each with the options of its last start or restart. */
  get applied(): ReadonlyMap<string, PoolConfig> {
    return this.#applied
  }

  /** Defines the children of a pool without starting them. Takes over children that already have these names. */
  async define(name: string, config: PoolConfig): Promise<void> {
    const { Pool } = await import('../../pool/pool.ts')
    const options = await this.#optionsOf(name, config)
    const pool = this.#pools.get(name)
    if (!pool) {
      const loggerOf = (child: string) => ({ logger: this.#io.loggerOf(child) })
      this.#pools.set(name, new Pool(realSys, this.#spinner, options, loggerOf))
      return
    }
    pool.reconfigure(options)
    if (!this.#applied.has(name)) await pool.resize(options.size)
  }

  async start(name: string, config: PoolConfig): Promise<void> {
    this.#applied.set(name, config)
    await this.#pools.get(name)?.start()
  }

  /** Stops a pool. If it is started again as `next`, it keeps the names of the children that it will have. */
  async stop(name: string, next: PoolConfig | undefined): Promise<void> {
    this.#applied.delete(name)
    const pool = this.#pools.get(name)
    if (next) return pool?.stop().finally(() => pool.resize(next.size))
    this.#pools.delete(name)
    await pool?.dissolve()
  }

  async restart(name: string): Promise<void> {
    await this.#pools.get(name)?.restart()
  }

  /** Stops children if the pool becomes smaller. */
  async shrink(name: string, { size }: PoolConfig): Promise<void> {
    if (size < this.#appliedTo(name).size) await this.#resize(name, size)
  }

  /** Starts children if the pool becomes larger. */
  async grow(name: string, { size }: PoolConfig): Promise<void> {
    if (size > this.#appliedTo(name).size) await this.#resize(name, size)
  }

  /**
   * Restarts a pool if more than its size has changed. First makes children that are restarting with the old options start
   * over, because the rolling restart would wait for them.
   */
  async change(name: string, config: PoolConfig): Promise<void> {
    const applied = this.#appliedTo(name)
    const next = { ...config, size: applied.size }
    if (isDeepEqual(applied, next)) return
    this.#applied.set(name, next)
    const pool = this.#pools.get(name)
    if (!pool) return this.define(name, next).then(() => this.start(name, next))
    pool.reconfigure(await this.#optionsOf(name, next))
    for (const child of pool.children) if (child.state === 'restart') child.reload().catch(() => {})
    await pool.restart()
  }

  async #resize(name: string, size: number): Promise<void> {
    this.#applied.set(name, { ...this.#appliedTo(name), size })
    await this.#pools.get(name)?.resize(size)
  }

  #appliedTo(name: string): PoolConfig {
    return this.#applied.get(name) as PoolConfig
  }

  async #optionsOf(name: string, { options, port, size }: PoolConfig): Promise<PoolOptions> {
    const ports = port === undefined ? {} : { port }
    return { ...(await startOptions(options, this.#io.logFiles)), ...ports, name, size }
  }
}
