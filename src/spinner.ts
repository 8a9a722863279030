import { type Announce, ManagedChild } from './child/child.ts'
import { closeContext, createContext, type SpinnerContext } from './context.ts'
import { SafeEmitter, safeLog } from './emitter.ts'
import { closedError, SpinnerError } from './errors.ts'
import {
  assertCallback,
  completeSettings,
  hasOnlyName,
  normaliseSpinner,
  readCall,
  readWait,
  readWatch,
  type StartCall,
} from './options/normalise.ts'
import { show } from './options/parsers.ts'
import { settleCallback, silenced, untilAborted, withOutcome } from './promises.ts'
import { realSys, type Sys } from './sys.ts'
import type { Address, Child, ChildInfo, Lease } from './types/child.ts'
import type { SpinnerEvents } from './types/events.ts'
import type {
  Logger,
  SpinnerOptions,
  SpinnerSettings,
  StartOptions,
  WaitOptions,
  WatchOptions,
} from './types/options.ts'
import type { Plugin } from './types/plugin.ts'
import type { Callback, Spinner } from './types/spinner.ts'

/**
 * Makes a spinner. `options` holds defaults for every child, and what concerns the spinner itself; a wrong one is
 * an `ERR_SPINNER_INVALID_OPTION`.
 *
 * @example
 * import { createSpinner } from 'spinner'
 *
 * const spinner = createSpinner({ idleTimeSec: 600, logger: null })
 * await spinner.close()
 */
export function createSpinner(options: SpinnerOptions = {}): Spinner {
  return createSpinnerOn(realSys, options)
}

/** @internal Makes a spinner on another {@link Sys}, such as that of a test. */
export function createSpinnerOn(sys: Sys, options: SpinnerOptions = {}): Spinner {
  return new ChildRegistry(sys, normaliseSpinner(options))
}

/** Implements {@link Spinner}: a map from names to children. It decides nothing about a child. */
export class ChildRegistry extends SafeEmitter<SpinnerEvents> implements Spinner {
  readonly #sys: Sys
  readonly #children = new Map<string, ManagedChild>()
  readonly defaults: Readonly<Record<string, unknown>>
  readonly #context: SpinnerContext
  readonly #announce: Announce = (child, [event, ...args]) => this.emit(event, ...([child, ...args] as never))
  #closing: Promise<void> | null = null

  constructor(sys: Sys, settings: SpinnerSettings) {
    super()
    this.#sys = sys
    this.defaults = settings.defaults
    this.#context = createContext(sys, settings, () => this.logger())
    for (const plugin of settings.plugins) this.use(plugin)
  }

  start(script: string | StartOptions, callback?: Callback<Address | null>): Child {
    try {
      if (callback !== undefined) assertCallback(callback)
      const known =
        typeof script === 'string' && this.#closing === null ? this.#children.get(script) : undefined
      const child = known ?? this.#startCalled(script)
      known?.begin()
      if (callback) settleCallback(this.#sys, this.logger(), child.then(null), callback)
      return child
    } catch (thrown) {
      if (typeof callback !== 'function') throw thrown
      settleCallback(this.#sys, this.logger(), Promise.reject(thrown), callback)
      const name = typeof script === 'string' ? script : ''
      const nobody = completeSettings({ name, given: {}, signal: undefined }, { logger: this.logger() })
      return new ManagedChild(this.#context, nobody, () => true).withRejection(thrown as Error).seal()
    }
  }

  stop(name: string, callback?: Callback<void>): Promise<void>
  stop(name: string, options?: WaitOptions, callback?: Callback<void>): Promise<void>
  stop(name: string, ...rest: (WaitOptions | Callback<void> | undefined)[]): Promise<void> {
    return this.#call(rest, async (options) => this.#children.get(name)?.stop(options))
  }

  stopAll(callback?: Callback<void>): Promise<void> {
    return this.#call([callback], () => this.#stopAll())
  }

  stopall(callback?: Callback<void>): Promise<void> {
    return this.stopAll(callback)
  }

  restart(name: string, callback?: Callback<Address | null>): Promise<Address | null>
  restart(name: string, options?: WaitOptions, callback?: Callback<Address | null>): Promise<Address | null>
  restart(
    name: string,
    ...rest: (WaitOptions | Callback<Address | null> | undefined)[]
  ): Promise<Address | null> {
    return this.#call(rest, async (options) => this.#known(name).restart(options))
  }

  acquire(script: string | StartOptions, options: WaitOptions = {}): Promise<Lease> {
    return silenced(() => this.#acquire(script, options))
  }

  async #acquire(script: string | StartOptions, given: WaitOptions): Promise<Lease> {
    const options = readWait(given)
    const known = typeof script === 'string' ? this.#children.get(script) : undefined
    this.#assertOpen()
    if (known) return known.acquire(options)
    const call = readCall(script)
    const child = this.#find(call)
    const signal = options.signal ?? call.signal
    return child.acquire(signal ? { signal } : {})
  }

  touch(name: string): void {
    this.#children.get(name)?.touch()
  }

  get(name: string): ChildInfo | null {
    return this.#children.get(name)?.info() ?? null
  }

  list(): Record<string, ChildInfo> {
    const all: Record<string, ChildInfo> = Object.create(null)
    for (const [name, child] of this.#children) all[name] = child.info()
    return all
  }

  child(name: string): Child | undefined {
    return this.#children.get(name)
  }

  use(plugin: Plugin): () => void {
    this.#assertOpen()
    return this.#context.plugins.add(plugin, this)
  }

  watch(
    options: WatchOptions,
    onChange: (file: string) => void,
    onError: (error: Error) => void = (error) => safeLog(this.logger(), 'warn', error.message),
  ): () => void {
    this.#assertOpen()
    const { settings, cwd } = readWatch(options)
    return this.#context.watches.add(settings, cwd, onChange, onError)
  }

  close(): Promise<void> {
    this.#closing ??= silenced(() => this.#close())
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  get isClosing(): boolean {
    return this.#closing !== null
  }

  define(options: StartOptions): Child {
    this.#assertOpen()
    return this.#find(readCall(options))
  }

  #startCalled(script: string | StartOptions): ManagedChild {
    this.#assertOpen()
    const call = readCall(script)
    const { signal } = call
    const child = this.#find(call)
    if (!signal?.aborted) child.begin()
    // The same child for this caller, whose wait ends with the signal.
    return signal ? withOutcome(child, untilAborted(child.then(), signal)) : child
  }

  /** Returns the child that a call names, with the options of the call. Makes it if there is none. */
  #find(call: StartCall): ManagedChild {
    const known = this.#children.get(call.name)
    if (hasOnlyName(call)) return known ?? this.#known(call.name)
    const settings = completeSettings(call, this.defaults)
    if (known) return known.reconfigure(settings)
    const child = new ManagedChild(this.#context, settings, this.#announce)
    this.#children.set(call.name, child)
    return child
  }

  #known(name: string): ManagedChild {
    const child = this.#children.get(name)
    if (child) return child
    const message = `No child is called ${show(name)}; start it with a \`script\` or a \`command\` first.`
    throw new SpinnerError('ERR_SPINNER_NOT_FOUND', message, { child: name })
  }

  #assertOpen(): void {
    if (this.#closing !== null) throw closedError()
  }

  async #stopAll(): Promise<void> {
    const ends = await Promise.allSettled([...this.#children.values()].map((child) => child.stop()))
    for (const end of ends) if (end.status === 'rejected') throw end.reason
  }

  async #close(): Promise<void> {
    for (const child of this.#children.values()) child.seal()
    this.#context.watches.close()
    try {
      await this.#stopAll()
    } finally {
      // A child that survived its stop may have been asked to stop once more since.
      const stopping = [...this.#children.values()].filter(({ state }) => state === 'stopping')
      await Promise.allSettled(stopping.map((child) => child.stop()))
      for (const child of this.#children.values()) child.dispose()
      await closeContext(this.#context)
    }
  }

  /** Waits in both forms at once: returns a promise, and settles the callback, which comes last, if there is one. */
  #call<Value>(
    rest: readonly (WaitOptions | Callback<Value> | undefined)[],
    action: (options: WaitOptions) => Promise<Value>,
  ): Promise<Value> {
    const callback = rest.find((item) => typeof item === 'function')
    const options = rest.find((item) => item !== undefined && typeof item !== 'function')
    const outcome = silenced(async () => {
      const wait = readWait(options)
      this.#assertOpen()
      return action(wait)
    })
    settleCallback(this.#sys, this.logger(), outcome, callback)
    return outcome
  }

  protected logger(): Logger | null {
    const { logger = console } = this.defaults as { logger?: Logger | null }
    return logger
  }
}
