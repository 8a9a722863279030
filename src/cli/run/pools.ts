import type { Pool, PoolOptions } from '../../pool/pool.ts'
import { realSys } from '../../sys.ts'
import type { Spinner } from '../../types/spinner.ts'
import type { PoolConfig } from '../config/model.ts'
import type { LogFiles } from '../output/log-files.ts'
import { startOptions } from './library-options.ts'
import { isDeepEqual } from './plan.ts'

/** The pools of a configuration, by name. */
export class Pools {
  readonly #spinner: Spinner
  readonly #outlets: LogFiles
  readonly #pools = new Map<string, Pool>()
  readonly #begun = new Map<string, PoolConfig>()

  constructor(spinner: Spinner, outlets: LogFiles) {
    this.#spinner = spinner
    this.#outlets = outlets
  }

  /** What was started, as it was when it was started or restarted last. */
  get begun(): ReadonlyMap<string, PoolConfig> {
    return this.#begun
  }

  /**
   * Makes its children known, and starts none. Its names may have been those of other children of the configuration before.
   */
  async define(name: string, config: PoolConfig): Promise<void> {
    const { Pool } = await import('../../pool/pool.ts')
    const options = await this.#optionsOf(name, config)
    const known = this.#pools.get(name)
    if (!known) return void this.#pools.set(name, new Pool(realSys, this.#spinner, options))
    known.reconfigure(options)
    if (!this.#begun.has(name)) await known.resize(options.size)
  }

  async start(name: string, config: PoolConfig): Promise<void> {
    this.#begun.set(name, config)
    await this.#pools.get(name)?.start()
  }

  /** Ends it. One that is to be started as `next` after that keeps no more names than it will need. */
  async stop(name: string, next: PoolConfig | undefined): Promise<void> {
    this.#begun.delete(name)
    const pool = this.#pools.get(name)
    if (next) return pool?.stop().finally(() => pool.resize(next.size))
    this.#pools.delete(name)
    await pool?.dissolve()
  }

  async restart(name: string): Promise<void> {
    await this.#pools.get(name)?.restart()
  }

  /** Ends those that it is to have no longer. */
  async shrink(name: string, { size }: PoolConfig): Promise<void> {
    if (size < this.#begunOf(name).size) await this.#resize(name, size)
  }

  /** Starts those that it has not had. */
  async grow(name: string, { size }: PoolConfig): Promise<void> {
    if (size > this.#begunOf(name).size) await this.#resize(name, size)
  }

  /** Restarts one that differs in more than its size. Who comes up with the options before keeps nobody waiting. */
  async change(name: string, config: PoolConfig): Promise<void> {
    const begun = this.#begunOf(name)
    const wanted = { ...config, size: begun.size }
    if (isDeepEqual(begun, wanted)) return
    this.#begun.set(name, wanted)
    const pool = this.#pools.get(name)
    if (!pool) return this.define(name, wanted).then(() => this.start(name, wanted))
    pool.reconfigure(await this.#optionsOf(name, wanted))
    for (const child of pool.children) if (child.state === 'restart') child.reload().catch(() => {})
    await pool.restart()
  }

  async #resize(name: string, size: number): Promise<void> {
    this.#begun.set(name, { ...this.#begunOf(name), size })
    await this.#pools.get(name)?.resize(size)
  }

  #begunOf(name: string): PoolConfig {
    return this.#begun.get(name) as PoolConfig
  }

  async #optionsOf(name: string, { options, port, size }: PoolConfig): Promise<PoolOptions> {
    const ports = port === undefined ? {} : { port }
    return { ...(await startOptions(options, this.#outlets)), ...ports, name, size }
  }
}
