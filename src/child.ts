import type { Writable } from 'node:stream'
import { type Actor, createActor } from 'xstate'
import { watchHealth } from './checks/check.ts'
import { type Deferred, deferred, untilAborted } from './deferred.ts'
import { messageOf, SpinnerError } from './errors.ts'
import {
  type Address,
  type ChildEvents,
  type ChildInfo,
  type ChildState,
  type Exit,
  SafeEmitter,
  safeLog,
} from './events.ts'
import { IdleWatch } from './idle.ts'
import { Lease } from './lease.ts'
import { childMachine, type MachineEvent, publicState } from './machine.ts'
import type { ChildSettings, WaitOptions } from './options.ts'
import type { Check } from './plugin.ts'
import { type Owner, Resources, type Shared } from './resources.ts'
import type { Target } from './sys.ts'

/** Where a child's events go besides its own listeners; answers whether anyone listened. */
export type Announce = <Event extends keyof ChildEvents>(
  event: Event,
  child: Child,
  ...args: Parameters<ChildEvents[Event]>
) => boolean

/**
 * One named, supervised program. Its record outlives its processes. Awaiting it waits until it is ready, and
 * gives its address or throws what went wrong.
 *
 * @example
 * import { createSpinner } from 'spinner'
 *
 * const spinner = createSpinner({ logger: null })
 * const child = spinner.start({ name: 'sleeper', command: 'sleep', args: ['60'], listen: null })
 * child.on('stopped', () => console.log('it has stopped'))
 * await child
 * console.log(child.state, child.pid) // started 4711
 * await spinner.close()
 */
export class Child extends SafeEmitter<ChildEvents> implements PromiseLike<Address | null> {
  readonly name: string
  readonly #shared: Shared
  readonly #announceToAll: Announce
  readonly #resources: Resources
  #actor: Actor<typeof childMachine>
  #state: ChildState = 'stopped'
  #pid: number | null = null
  #used = false
  #leases = 0
  /** Those who wait for it to be ready. */
  #arrival: Deferred<Address | null> | null = null
  /** Those who wait for it to be gone. */
  #departure: Deferred<void> | null = null
  #readiness: Promise<Address | null> = Promise.resolve(null)
  #refusal: Error | null = null
  #idle: IdleWatch | null = null
  #endChecks: (() => void)[] = []
  #startedAt: number | null = null
  #readyAt: number | null = null
  #lastExit: (Exit & { readonly at: Date }) | null = null

  /** @internal Children are made by a spinner. */
  constructor(shared: Shared, settings: ChildSettings, announceToAll: Announce) {
    super(() => this.#resources.settings.logger)
    this.name = settings.name
    this.#shared = shared
    this.#announceToAll = announceToAll
    this.#resources = new Resources(shared, this.#owner(), settings)
    this.#actor = this.#newActor()
  }

  /** One of the six states. */
  get state(): ChildState {
    return this.#state
  }

  /** Process id of the leader of its group; `null` while there is none. */
  get pid(): number | null {
    return this.#pid
  }

  /** Where it listens, or is about to. */
  get address(): Address | null {
    return this.#resources.address
  }

  /** The same, as `http.request` and `net.connect` take it. */
  get target(): Target | null {
    return this.#resources.target
  }

  /** Its standard input, when it was started with `stdin: 'pipe'`. */
  get stdin(): Writable | null {
    return this.#resources.process?.stdin ?? null
  }

  /** Says that it was used: its idle clock starts again. Costs a few nanoseconds. */
  touch(): void {
    this.#used = true
  }

  /** A frozen picture of it at this moment. */
  info(): ChildInfo {
    const { address, target, output, settings } = this.#resources
    const { context } = this.#actor.getSnapshot()
    const { env, ...shown } = settings
    const dateOf = (at: number | null): Date | null => (at === null ? null : new Date(at))
    const idleAt = this.#idle && this.#leases === 0 ? this.#shared.sys.clock.date() + this.#idle.left : null
    return Object.freeze({
      name: this.name,
      state: this.#state,
      pid: this.#pid,
      address,
      port: address,
      target,
      options: Object.freeze({ ...shown, env: Object.freeze(Object.keys(env)) }),
      startedAt: dateOf(this.#startedAt),
      readyAt: dateOf(this.#readyAt),
      restarts: context.restartCount,
      crashes: context.crashCount,
      leases: this.#leases,
      idleAt: dateOf(idleAt),
      lastExit: this.#lastExit,
      lastError: context.error ?? this.#refusal,
      reason: context.reason,
      output: Object.freeze(output.last()),
    })
  }

  /** Starts it if need be and holds it: it is not idle until the lease is released. */
  async acquire(options: WaitOptions = {}): Promise<Lease> {
    this.#leases++
    try {
      this.begin()
      await untilAborted(this.#outcome(), options.signal)
      return new Lease(this)
    } catch (thrown) {
      this.letGo()
      throw thrown
    }
  }

  /** Stops it; resolves when its whole process group is gone. */
  stop(options: WaitOptions = {}): Promise<void> {
    if (this.#state === 'stopped') return Promise.resolve()
    this.#departure ??= deferred()
    const { promise } = this.#departure
    this.#refuse(this.#stoppedError())
    this.#send({ type: 'stop', reason: 'it was asked to stop' })
    return untilAborted(promise, options.signal)
  }

  /** Drains, ends and starts it again; resolves with its address. */
  restart(options: WaitOptions = {}): Promise<Address | null> {
    this.#arrival ??= deferred()
    const { promise } = this.#arrival
    this.#send({ type: 'restart', reason: 'a restart was asked for' })
    return untilAborted(promise, options.signal)
  }

  /** Sends a message over IPC; resolves to false when there is no channel, and never throws. */
  send(message: unknown): Promise<boolean> {
    return this.#resources.process?.send(message) ?? Promise.resolve(false)
  }

  then<Ok = Address | null, Fail = never>(
    onReady?: ((address: Address | null) => Ok | PromiseLike<Ok>) | null,
    onError?: ((error: Error) => Fail | PromiseLike<Fail>) | null,
  ): Promise<Ok | Fail> {
    return this.#outcome().then(onReady, onError)
  }

  /** @internal What `start` does. */
  begin(): void {
    this.#used = true
    if (this.#state === 'started') return
    this.#arrival ??= deferred()
    this.#send({ type: 'start' })
    if (this.#state === 'faulted') this.#refuse(this.#faultedError())
  }

  /** @internal New options, in force from the next spawn on. */
  reconfigure(settings: ChildSettings): this {
    this.#resources.settings = settings
    return this
  }

  /** @internal The end of a lease. */
  letGo(): void {
    this.#leases--
    this.#used = true
  }

  /** @internal A child that never was: what `start` hands out when its callback gets the error. */
  refused(error: Error): this {
    this.#refusal = error
    return this
  }

  /** @internal The same child for one caller, whose wait ends with the signal. */
  awaitedUntil(signal: AbortSignal): Child {
    const outcome = untilAborted(this.#outcome(), signal)
    outcome.catch(() => {})
    return new Proxy(this, {
      get: (child, key) => {
        if (key === 'then') return outcome.then.bind(outcome)
        const value: unknown = Reflect.get(child, key, child)
        return typeof value === 'function' ? value.bind(child) : value
      },
    })
  }

  /** @internal What a user's plugin, allocator or check threw. */
  report(thrown: unknown): void {
    const error = thrown instanceof Error ? thrown : new Error(messageOf(thrown))
    if (this.#announce('error', error)) return
    safeLog(this.#resources.settings.logger, 'error', `${this.name}: ${error.message}`)
  }

  /** @internal The spinner closes. */
  dispose(): void {
    this.#actor.stop()
    this.#leaveStarted()
    this.#resources.release()
  }

  #newActor(): Actor<typeof childMachine> {
    const { clock, random } = this.#shared.sys
    const actor = createActor(childMachine, {
      input: { resources: this.#resources, now: () => clock.now(), random: () => random() },
      clock,
    })
    actor.subscribe({
      next: ({ value, context }) => this.#onSnapshot(publicState(value), context),
      error: (thrown) => this.#onBroken(thrown),
    })
    return actor.start()
  }

  #send(event: MachineEvent): void {
    this.#actor.send(event)
  }

  #owner(): Owner {
    return {
      child: this,
      send: (event) => this.#send(event),
      line: (stream, line) => void this.#announce('output', stream, line),
      message: (message) => void this.#announce('message', message),
      exited: (exit) => {
        this.#lastExit = Object.freeze({ ...exit, at: new Date(this.#shared.sys.clock.date()) })
        this.#announce('exit', exit)
      },
      error: (error) => this.report(error),
    }
  }

  #outcome(): Promise<Address | null> {
    if (this.#state === 'started') return this.#readiness
    return this.#arrival?.promise ?? Promise.reject(this.#refusal ?? this.#stoppedError())
  }

  /** What a transition shows outside: seen only once it is complete, so a listener meets the new state. */
  #onSnapshot(
    to: ChildState,
    context: { pid: number | null; error: SpinnerError | null; reason: string },
  ): void {
    if (context.pid !== this.#pid) {
      this.#pid = context.pid
      if (context.pid !== null) this.#startedAt = this.#shared.sys.clock.date()
    }
    const from = this.#state
    if (to === from) return
    this.#state = to
    if (from === 'started') this.#leaveStarted()
    if (from === 'stopping' && to !== 'faulted') this.#onStopped()
    this.#log(to, from, context.reason)
    if (to === 'started') this.#onStarted(from)
    if (to === 'faulted') this.#onFaulted(context.error)
    if (to === 'stopped' && from !== 'stopping') this.#onStopped()
    this.#announce('state', to, from, context.reason)
  }

  #onStarted(from: ChildState): void {
    const { address, settings } = this.#resources
    const { rounds, sys } = this.#shared
    this.#readyAt = sys.clock.date()
    this.#readiness = Promise.resolve(address)
    this.#refusal = null
    this.#arrival?.resolve(address)
    this.#arrival = null
    if (settings.idleTimeSec !== null) {
      const reason = `nobody used it for ${settings.idleTimeSec} s`
      const onIdle = (): void => this.#send({ type: 'idle', reason })
      this.#idle = new IdleWatch(sys, rounds, settings.idleTimeSec * 1_000, () => this.#takeUse(), onIdle)
    }
    this.#endChecks = settings.checks.map((check) => this.#check(check))
    this.#announce(from === 'restart' ? 'restarted' : 'started', address)
  }

  #check(check: Check): () => void {
    const unhealthy = (_check: Check, why: string): void =>
      this.#send({ type: 'unhealthy', reason: `check '${check.name}' failed: ${why}` })
    return watchHealth(this.#shared.sys.clock, check, (signal) => check.run(this, signal), unhealthy)
  }

  #takeUse(): boolean {
    const used = this.#used || this.#leases > 0
    this.#used = false
    return used
  }

  #leaveStarted(): void {
    this.#idle?.close()
    this.#idle = null
    for (const end of this.#endChecks) end()
    this.#endChecks = []
  }

  #onStopped(): void {
    this.#departure?.resolve()
    this.#departure = null
    if (this.#state === 'stopped') this.#refuse(this.#stoppedError())
    this.#announce('stopped')
  }

  #onFaulted(cause: SpinnerError | null): void {
    const error = cause ?? this.#faultedError()
    this.#departure?.reject(error)
    this.#departure = null
    this.#refuse(error)
    this.#announce('faulted', error)
    this.#announce('error', error)
  }

  /** A machine that broke is a fault of ours: the group is killed, and a new machine begins in `faulted`. */
  #onBroken(thrown: unknown): void {
    this.#resources.killNow()
    const message = `Supervision of '${this.name}' failed and was begun anew: ${messageOf(thrown)}. Please report this.`
    const error = new SpinnerError('ERR_SPINNER_FAULTED', message, { child: this.name, cause: thrown })
    this.#actor = this.#newActor()
    this.#send({ type: 'broken', error })
  }

  #refuse(error: Error): void {
    this.#refusal = error
    this.#arrival?.reject(error)
    this.#arrival = null
  }

  #stoppedError(): SpinnerError {
    const message = `'${this.name}' was stopped before it was ready; start it again when it is wanted.`
    return new SpinnerError('ERR_SPINNER_STOPPED', message, { child: this.name })
  }

  #faultedError(): SpinnerError {
    const { error: cause, faultedAt, settings } = this.#actor.getSnapshot().context
    const { clock } = this.#shared.sys
    const left = Math.max(0, faultedAt + settings.faultTimeout * 1_000 - clock.now())
    const retryAt = new Date(clock.date() + left)
    const message = `'${this.name}' has failed and is not tried again for ${Math.ceil(left / 1_000)} s; mend it, or call restart(). It failed because: ${cause?.message ?? 'unknown'}`
    const output = cause?.output ?? []
    return new SpinnerError('ERR_SPINNER_FAULTED', message, { child: this.name, cause, retryAt, output })
  }

  #announce<Event extends keyof ChildEvents>(event: Event, ...args: Parameters<ChildEvents[Event]>): boolean {
    const heard = this.emit(event, ...(args as never))
    return this.#announceToAll(event, this, ...args) || heard
  }

  #log(to: ChildState, from: ChildState, reason: string): void {
    const { logger } = this.#resources.settings
    const { address } = this.#resources
    if (to === 'started') {
      const where = address === null ? '' : ` on ${address}`
      safeLog(
        logger,
        'info',
        `${this.name}: ${from === 'restart' ? 'restarted' : 'started'}${where} (pid ${this.#pid})`,
      )
    } else if (to === 'stopped') safeLog(logger, 'info', `${this.name}: stopped, because ${reason}`)
    else if (to === 'restart') safeLog(logger, 'info', `${this.name}: restarts, because ${reason}`)
    else if (to === 'faulted') safeLog(logger, 'error', `${this.name}: faulted: ${reason}`)
  }
}
