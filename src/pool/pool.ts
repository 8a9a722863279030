import { safeLog } from '../emitter.ts'
import { closedError, firstLineOf, SpinnerError } from '../errors.ts'
import { completeSettings, readCall, readWait } from '../options/normalise.ts'
import { silenced, untilAborted } from '../promises.ts'
import type { Sys } from '../sys.ts'
import type { Child } from '../types/child.ts'
import type { ChildSettings, StartOptions, WaitOptions } from '../types/options.ts'
import type { Spinner } from '../types/spinner.ts'
import { memberOptions, memberPort, type PoolOptions, readPool } from './options.ts'
import { PoolMonitor } from './pool-monitor.ts'
import { FaultRetry } from './retry.ts'
import { RestartQueue, rollingRestart } from './rolling-restart.ts'

/** Returns options of one child, by its name, in addition to those of the pool. */
type ExtraOptions = (name: string) => Partial<StartOptions>

/**
 * Identical children that are kept running. Created by {@link createPool}. After the spinner was closed, the methods fail
 * with `ERR_SPINNER_CLOSED`.
 */
export class Pool {
  /** Name of the pool. The children are named `name-0`, `name-1` and so on. */
  readonly name: string
  readonly #spinner: Spinner
  readonly #extraOptions: ExtraOptions
  #children: readonly Child[]
  #options: PoolOptions
  #settings: ChildSettings
  readonly #monitor: PoolMonitor
  readonly #faultRetry: FaultRetry
  readonly #restarts = new RestartQueue((reason) => this.#restartOneByOne(reason))
  readonly #removePlugin: () => void
  /** True from `start` to `stop`: the children must run. */
  #isStarted = false
  #isClosed = false

  /** @internal Takes over children that already have the names of its own. */
  constructor(sys: Sys, spinner: Spinner, options: PoolOptions, extraOptions: ExtraOptions = () => ({})) {
    const { name, size } = readPool(options)
    this.name = name
    this.#spinner = spinner
    this.#extraOptions = extraOptions
    this.#options = { ...options }
    this.#settings = this.#readSettings()
    this.#children = this.#define(size)
    this.#monitor = new PoolMonitor(spinner, {
      changed: (file) => void this.#restarts.request(`a file changed: ${file}`),
      error: (error) => this.#log('warn', error.message),
    })
    const mustRun = (child: Child): boolean => this.#isStarted && this.#children.includes(child)
    this.#faultRetry = new FaultRetry(spinner, sys.clock, mustRun)
    this.#removePlugin = spinner.use({ name: `pool ${name}`, close: () => this.#close() })
  }

  /** Number of children. */
  get size(): number {
    return this.#children.length
  }

  /** The children, in the order of their names. */
  get children(): readonly Child[] {
    return this.#children
  }

  /**
   * Starts all children, and keeps them running from now on. Resolves when all are ready. If children fail, waits until all
   * have settled, then throws the error of the first child that failed.
   */
  start(options: WaitOptions = {}): Promise<void> {
    return silenced(async () => {
      const { signal } = readWait(options)
      this.#assertOpen()
      this.#isStarted = true
      this.#monitor.watch(this.#settings)
      await untilAborted(this.#startAll(this.#children), signal)
    })
  }

  /** Stops all children in parallel, and ends a rolling restart. Resolves when none of their processes lives. */
  stop(): Promise<void> {
    return silenced(async () => {
      this.#rest()
      await forAll(this.#children, (child) => child.stop())
    })
  }

  /** @internal Stops all children for good. After that, the names of the children are free. */
  dissolve(): Promise<void> {
    const stopped = this.stop()
    this.#removePlugin()
    return stopped
  }

  /** Changes the number of children: starts more of them if the pool is started, or drains and stops the last ones. */
  resize(size: number): Promise<void> {
    return silenced(async () => {
      this.#assertOpen()
      readPool({ ...this.#options, size })
      const [before, surplus] = [this.size, this.#children.slice(size)]
      this.#children = this.#define(size)
      this.#options = { ...this.#options, size }
      const stops = forAll(surplus, (child) => child.stop())
      const starts = this.#isStarted ? this.#startAll(this.#children.slice(before)) : undefined
      await Promise.all([stops, starts])
    })
  }

  /**
   * Restarts all children, one after the other: the next one when the previous one is ready and every plugin has done its
   * work for it. If a child does not come up, throws its error and leaves the other children as they are. Calls during a
   * restart share one more restart. Starts a pool that is not started.
   */
  restart(options: WaitOptions = {}): Promise<void> {
    return silenced(async () => {
      const { signal } = readWait(options)
      this.#assertOpen()
      const restarted = this.#isStarted ? this.#restarts.request('a restart was requested') : this.start()
      await untilAborted(restarted, signal)
    })
  }

  /**
   * Sets other options. Each child uses them from its next start or restart on. `name` and `size` stay. If an option is
   * invalid, throws `ERR_SPINNER_INVALID_OPTION` and changes nothing.
   */
  reconfigure(options: PoolOptions): void {
    this.#assertOpen()
    const before = this.#options
    this.#options = { ...options, name: this.name, size: this.size }
    try {
      readPool(this.#options)
      this.#settings = this.#readSettings()
    } catch (thrown) {
      this.#options = before
      throw thrown
    }
    this.#define(this.size)
    if (this.#isStarted) this.#monitor.watch(this.#settings)
  }

  #startAll(children: readonly Child[]): Promise<void> {
    return forAll(children, async ({ name }) => {
      await this.#spinner.start({ name })
    })
  }

  async #restartOneByOne(reason: string): Promise<void> {
    this.#log('info', `restarts its children one by one, because ${reason}`)
    const indices = new Map(this.#children.map((child, index) => [child, index]))
    const portOf = (child: Child): number | null => memberPort(this.#options, indices.get(child) as number)
    const mustRestart = (child: Child): boolean => this.#mustRestart(child)
    try {
      await rollingRestart(this.name, this.#children, { mustRestart, portOf })
    } catch (thrown) {
      // The close of the spinner ends the restart, which is not a failure.
      if (!this.#spinner.isClosing) this.#log('error', firstLineOf(thrown as Error))
      throw thrown
    }
  }

  /** Returns false for a child that has left the pool. Throws if the restart must end. */
  #mustRestart(child: Child): boolean {
    if (this.#spinner.isClosing) throw closedError()
    if (this.#isStarted) return this.#children.includes(child)
    const message = `The rolling restart of pool '${this.name}' ended, because the pool was stopped.`
    throw new SpinnerError('ERR_SPINNER_STOPPED', message)
  }

  /** Defines the first `size` children with the present options. Children that exist use them from their next spawn on. */
  #define(size: number): Child[] {
    // The pool itself watches the files, because children that do would all restart at the same time.
    return Array.from({ length: size }, (_, index) => {
      const options = memberOptions(this.#options, index)
      return this.#spinner.define({ ...options, ...this.#extraOptions(options.name), monitor: null })
    })
  }

  #readSettings(): ChildSettings {
    return completeSettings(readCall(memberOptions(this.#options, 0)), this.#spinner.defaults)
  }

  /** Keeps the children running no longer. */
  #rest(): void {
    this.#isStarted = false
    this.#monitor.close()
    this.#faultRetry.cancel()
  }

  #close(): void {
    this.#isClosed = true
    this.#rest()
    this.#faultRetry.close()
  }

  #assertOpen(): void {
    if (this.#isClosed) throw closedError()
  }

  #log(level: 'info' | 'warn' | 'error', line: string): void {
    safeLog(this.#settings.logger, level, `${this.name}: ${line}`)
  }
}

/** Runs an action for all children in parallel, waits until all have settled, and throws the first error in their order. */
async function forAll(children: readonly Child[], action: (child: Child) => Promise<void>): Promise<void> {
  const outcomes = await Promise.allSettled(children.map(action))
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
}
