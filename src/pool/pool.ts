import { isDeepStrictEqual } from 'node:util'
import { safeLog } from '../emitter.ts'
import { closedError, firstLineOf, SpinnerError } from '../errors.ts'
import { completeSettings, readCall, readWait } from '../options/normalise.ts'
import { silenced, untilAborted } from '../promises.ts'
import { realSys, type Sys } from '../sys.ts'
import type { Child } from '../types/child.ts'
import type { ChildSettings, StartOptions, WaitOptions } from '../types/options.ts'
import type { Spinner } from '../types/spinner.ts'
import { memberName, type PoolOptions, readPool, wrong } from './options.ts'
import { FaultRetry } from './retry.ts'
import { rollingRestart } from './rolling-restart.ts'

export type { PoolOptions } from './options.ts'

/**
 * Makes a pool: `size` equal children of a spinner that are kept present and restarted one by one. Nothing is started
 * yet. Idleness is off unless `idleTimeSec` is given here, and what `monitor` watches restarts the pool as a whole, one
 * child after the other. Wrong options, and a name that is taken, are an `ERR_SPINNER_INVALID_OPTION`.
 *
 * @example
 * import { createSpinner } from 'spinner'
 * import { createPool } from 'spinner/pool'
 *
 * const spinner = createSpinner({ logger: null })
 * const pool = createPool(spinner, { name: 'sleeper', size: 3, command: 'sleep', args: ['60'], listen: null })
 * await pool.start()
 * await pool.restart() // one by one
 * await pool.resize(2)
 * console.log(pool.children.map((child) => child.state)) // [ 'started', 'started' ]
 * await spinner.close()
 */
export function createPool(spinner: Spinner, options: PoolOptions): Pool {
  return createPoolOn(realSys, spinner, options)
}

/** @internal The same on another outside world: a test's. */
export function createPoolOn(sys: Sys, spinner: Spinner, options: PoolOptions): Pool {
  const { name, size } = readPool(options)
  const names = Array.from({ length: size }, (_, index) => memberName(name, index))
  const taken = names.find((each) => spinner.child(each))
  if (taken !== undefined) throw wrong(`a child '${taken}' is there already; \`name\` must be another`)
  return new Pool(sys, spinner, options)
}

type MemberOptions = (name: string) => Partial<StartOptions>

/** Equal children that are kept present; made by {@link createPool}. */
export class Pool {
  readonly name: string
  readonly #spinner: Spinner
  readonly #memberOptions: MemberOptions
  #children: readonly Child[]
  #options: PoolOptions
  #settings: ChildSettings
  /** Ends the monitor, and what that was made for. */
  #monitor: { end(): void; readonly of: unknown } | null = null
  readonly #presence: FaultRetry
  readonly #leave: () => void
  #wanted = false
  #closed = false
  #rolling: Promise<void> | null = null
  #next: Promise<void> | null = null

  /** @internal Children that have its names become its own. `memberOptions` returns further options of one child. */
  constructor(sys: Sys, spinner: Spinner, options: PoolOptions, memberOptions: MemberOptions = () => ({})) {
    const { name, size } = readPool(options)
    this.name = name
    this.#spinner = spinner
    this.#memberOptions = memberOptions
    this.#options = { ...options }
    this.#settings = this.#read()
    this.#children = this.#define(size)
    this.#presence = new FaultRetry(sys.clock, spinner)
    this.#leave = spinner.use({ name: `pool ${name}`, close: () => this.#close() })
  }

  /** How many children it has. */
  get size(): number {
    return this.#children.length
  }

  /** Its children, in order. */
  get children(): readonly Child[] {
    return this.#children
  }

  /** Starts all; resolves when all are ready. Throws what the first that failed has thrown, when all have settled. */
  start(options: WaitOptions = {}): Promise<void> {
    return silenced(async () => {
      const { signal } = readWait(options)
      this.#mustBeOpen()
      this.#wanted = true
      this.#watch()
      await untilAborted(
        all(this.#children, (child) => this.#start(child)),
        signal,
      )
    })
  }

  /** Stops all, in parallel; resolves when nothing of them lives. Ends a rolling restart that is under way. */
  stop(): Promise<void> {
    return silenced(async () => {
      this.#rest()
      await all(this.#children, (child) => child.stop())
    })
  }

  /** @internal Stops all for good; their names may be others' after that. */
  dissolve(): Promise<void> {
    const stopped = this.stop()
    this.#leave()
    return stopped
  }

  /** Makes it smaller or larger: the last ones are drained and stopped, or new ones started. */
  resize(size: number): Promise<void> {
    return silenced(async () => {
      this.#mustBeOpen()
      readPool({ ...this.#options, size })
      const [before, leaving] = [this.size, this.#children.slice(size)]
      this.#children = this.#define(size)
      this.#options = { ...this.#options, size }
      for (const child of leaving) this.#presence.forget(child)
      const ends = all(leaving, (child) => child.stop())
      const starts = all(this.#wanted ? this.#children.slice(before) : [], (child) => this.#start(child))
      await Promise.all([ends, starts])
    })
  }

  /**
   * Restarts all, one after the other: the next only when the one before is ready, and what plugins do for it is done.
   * When one does not come up the rest is left as it is, and this throws. A call while a restart is under way asks for
   * one more.
   */
  restart(options: WaitOptions = {}): Promise<void> {
    return silenced(async () => {
      const { signal } = readWait(options)
      this.#mustBeOpen()
      const rolled = this.#wanted ? this.#roll('a restart was asked for') : this.start()
      await untilAborted(rolled, signal)
    })
  }

  /** Other options, in force for each child from its next start or restart on; `name` and `size` stay. */
  reconfigure(options: PoolOptions): void {
    this.#mustBeOpen()
    const before = this.#options
    this.#options = { ...options, name: this.name, size: this.size }
    try {
      readPool(this.#options)
      this.#settings = this.#read()
    } catch (thrown) {
      this.#options = before
      throw thrown
    }
    this.#define(this.size)
    if (this.#wanted) this.#watch()
  }

  /** One roll at a time, and one more for all who asked meanwhile. */
  #roll(reason: string): Promise<void> {
    if (this.#rolling) {
      this.#next ??= this.#rolling
        .catch(() => {})
        .then(() => {
          this.#next = null
          return this.#roll(reason)
        })
      return silenced(() => this.#next as Promise<void>)
    }
    this.#log('info', `restarts one by one, because ${reason}`)
    const indices = new Map(this.#children.map((child, index) => [child, index]))
    const portOf = (child: Child): number | null => this.#portOf(indices.get(child) as number)
    const mayGoOn = (child: Child): boolean => this.#mayGoOn(child)
    this.#rolling = rollingRestart(this.name, this.#children, { mayGoOn, portOf }).finally(() => {
      this.#rolling = null
    })
    this.#rolling.catch((error: Error) => {
      // What the end of all has broken off is no failure.
      if (!this.#spinner.isClosing) this.#log('error', firstLineOf(error))
    })
    return this.#rolling
  }

  async #start(child: Child): Promise<void> {
    this.#presence.keep(child)
    await this.#spinner.start({ name: child.name })
  }

  /** The first `size` children with the options of now; known ones take them at their next spawn. */
  #define(size: number): Child[] {
    return Array.from({ length: size }, (_, index) => this.#spinner.define(this.#optionsOf(index)))
  }

  /** What is watched is watched for all of them: each by itself would restart all at once. */
  #optionsOf(index: number): StartOptions {
    return { ...this.#shared(index), ...this.#memberOptions(memberName(this.name, index)), monitor: null }
  }

  #shared(index: number): StartOptions {
    const { size, port: _first, ...options } = this.#options
    const port = this.#portOf(index)
    const listen = port === null ? {} : { listen: port }
    return { idleTimeSec: -1, ...options, ...listen, name: memberName(this.name, index) }
  }

  #portOf(index: number): number | null {
    const { port } = this.#options
    return port === undefined ? null : port + index
  }

  #read(): ChildSettings {
    return completeSettings(readCall(this.#shared(0)), this.#spinner.defaults)
  }

  #watch(): void {
    const { cwd, monitor } = this.#settings
    const of = [monitor, cwd]
    if (isDeepStrictEqual(of, this.#monitor?.of)) return
    this.#unwatch()
    if (monitor === null) return
    const onChange = (file: string): void => void this.#roll(`a file changed: ${file}`)
    const end = this.#spinner.watch({ ...monitor, cwd }, onChange, (error) =>
      this.#log('warn', error.message),
    )
    this.#monitor = { end, of }
  }

  #unwatch(): void {
    this.#monitor?.end()
    this.#monitor = null
  }

  #rest(): void {
    this.#wanted = false
    this.#unwatch()
    for (const child of this.#children) this.#presence.forget(child)
  }

  #close(): void {
    this.#closed = true
    this.#rest()
  }

  #mustBeOpen(): void {
    if (this.#closed) throw closedError()
  }

  /** Whether a child is still to be restarted: the pool may have become smaller. */
  #mayGoOn(child: Child): boolean {
    if (this.#spinner.isClosing) throw closedError()
    if (this.#wanted) return this.#children.includes(child)
    const message = `The rolling restart of pool '${this.name}' ended, because the pool was stopped.`
    throw new SpinnerError('ERR_SPINNER_STOPPED', message)
  }

  #log(level: 'info' | 'warn' | 'error', line: string): void {
    safeLog(this.#settings.logger, level, `${this.name}: ${line}`)
  }
}

/** Does something with all of them at once, waits for all, and throws what the first has thrown. */
async function all(children: readonly Child[], action: (child: Child) => Promise<unknown>): Promise<void> {
  const ends = await Promise.allSettled(children.map(action))
  for (const end of ends) if (end.status === 'rejected') throw end.reason
}
