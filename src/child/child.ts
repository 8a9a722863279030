import type { Writable } from 'node:stream'
import type { CheckAccess, CheckedChild } from '../checks/access.ts'
import { Health, NO_CHECKS } from '../checks/health.ts'
import type { SpinnerContext } from '../context.ts'
import { SafeEmitter, safeLog } from '../emitter.ts'
import { closedError, messageOf, type SpinnerError, stoppedError } from '../errors.ts'
import { readWait } from '../options/normalise.ts'
import { silenced, untilAborted } from '../promises.ts'
import type { Evictable } from '../schedule/capacity.ts'
import type { Address, ChildInfo, ChildState, Lease, Target } from '../types/child.ts'
import type { ChildEvents } from '../types/events.ts'
import type { ChildSettings, Logger, WaitOptions } from '../types/options.ts'
import { Activation } from './activation.ts'
import { ChildLease } from './lease.ts'
import type { Supervisor, SupervisorHooks } from './supervisor.ts'
import { Usage } from './usage.ts'
import { Waiters } from './waiters.ts'

/** Where a child's events go besides its own listeners; answers whether anyone listened. */
export type Announce = <Event extends keyof ChildEvents>(
  event: Event,
  child: ManagedChild,
  ...args: Parameters<ChildEvents[Event]>
) => boolean

/** Implements {@link Child}: the handle that callers hold. */
export class ManagedChild extends SafeEmitter<ChildEvents> implements CheckedChild, Evictable {
  readonly name: string
  readonly #shared: SpinnerContext
  readonly #announceToAll: Announce
  readonly #life: Activation
  readonly #waits: Waiters
  readonly #use: Usage
  #closed = false
  #disposed = false
  #health: Health | null = null

  constructor(shared: SpinnerContext, settings: ChildSettings, announceToAll: Announce) {
    super()
    this.name = settings.name
    this.#shared = shared
    this.#life = new Activation(shared, settings)
    this.#use = new Usage(shared)
    this.#waits = new Waiters(this.name, stoppedError)
    this.#announceToAll = announceToAll
  }

  get state(): ChildState {
    return this.#life.state
  }

  get serves(): boolean {
    return this.#life.supervisor?.serves ?? false
  }

  get needsRetry(): boolean {
    return (
      this.state === 'faulted' ||
      (this.state === 'stopped' && this.#shared.capacity?.wasRejected(this) === true)
    )
  }

  get pid(): number | null {
    return this.#life.supervisor?.pid ?? null
  }

  get address(): Address | null {
    return this.#life.supervisor?.runtime.address ?? null
  }

  get target(): Target | null {
    return this.#life.supervisor?.runtime.target ?? null
  }

  get stdin(): Writable | null {
    return this.#life.supervisor?.runtime.process?.stdin ?? null
  }

  touch(): void {
    this.#use.touch()
  }

  info(): ChildInfo {
    const { idleAt, leases } = this.#use
    return this.#life.snapshot(this.name, { leases, idleAt, checks: this.#health?.info() ?? NO_CHECKS })
  }

  acquire(options: WaitOptions = {}): Promise<Lease> {
    return silenced(async () => {
      const { signal } = readWait(options)
      this.#use.acquire()
      try {
        this.begin()
        await untilAborted(this.#waits.outcome(), signal)
        return new ChildLease(this)
      } catch (thrown) {
        this.releaseLease()
        throw thrown
      }
    })
  }

  tryAcquire(): Lease | null {
    if (!this.serves) return null
    this.#use.acquire()
    return new ChildLease(this)
  }

  stop(options: WaitOptions = {}): Promise<void> {
    return silenced(async () => {
      const { signal } = readWait(options)
      if (this.state === 'stopped') return this.#shared.capacity?.forgetRejection(this)
      if (this.#disposed) throw closedError(this.name)
      const gone = this.#waits.untilStopped()
      this.#waits.reject(stoppedError)
      this.#life.supervisor?.send({ type: 'stop', reason: 'it was asked to stop' })
      await untilAborted(gone, signal)
    })
  }

  restart(options: WaitOptions = {}): Promise<Address | null> {
    return silenced(async () => {
      const { signal } = readWait(options)
      this.#mustBeOpen()
      const renewed = this.#waits.untilReplaced()
      this.#awake().send({ type: 'restart', reason: 'a restart was asked for' })
      return untilAborted(renewed, signal)
    })
  }

  reload(): Promise<Address | null> {
    const isUnderWay = this.state === 'restart'
    const restarted = this.restart()
    if (isUnderWay) this.#life.supervisor?.send({ type: 'changed', file: 'its configuration' })
    return restarted
  }

  reportError(thrown: unknown): void {
    const error = thrown instanceof Error ? thrown : new Error(messageOf(thrown))
    queueMicrotask(() => {
      if (this.#announce('error', error)) return
      safeLog(this.#life.settings.logger, 'error', `${this.name}: ${error.message}`)
    })
  }

  send(message: unknown): Promise<boolean> {
    return this.#life.supervisor?.runtime.process?.send(message) ?? Promise.resolve(false)
  }

  then<Ok = Address | null, Fail = never>(
    onReady?: ((address: Address | null) => Ok | PromiseLike<Ok>) | null,
    onError?: ((error: Error) => Fail | PromiseLike<Fail>) | null,
  ): Promise<Ok | Fail> {
    return this.#waits.outcome().then(onReady, onError)
  }

  catch<Fail>(onError: (error: Error) => Fail | PromiseLike<Fail>): Promise<Address | null | Fail> {
    return this.then(null, onError)
  }

  finally(onEnd: () => void): Promise<Address | null> {
    return this.#waits.outcome().finally(onEnd)
  }

  /** What `start` does. */
  begin(): void {
    this.#mustBeOpen()
    this.#use.touch()
    if (this.state === 'started') return
    void this.#waits.untilReady()
    const supervision = this.#awake()
    supervision.send({ type: 'start' })
    if (this.state !== 'faulted') return
    const refusal = supervision.refusal()
    this.#waits.reject(() => refusal)
  }

  /** New options, in force from the next spawn on. */
  reconfigure(settings: ChildSettings): this {
    this.#life.settings = settings
    return this
  }

  /** What the ready-made checks use. */
  get checkAccess(): CheckAccess {
    const { address, helpers: beside, settingsInForce: inForce, process } = this.#awake().runtime
    return {
      context: this.#shared,
      settings: inForce,
      process,
      spawnHelper: (settings, signal) => beside.spawn(settings, address, signal),
    }
  }

  /** The end of a lease. */
  releaseLease(): void {
    this.#use.release()
  }

  /** The number of its last use; null while it may not be ended for the sake of another one. */
  get lastUsed(): number | null {
    if (this.state !== 'started' || this.#use.leases > 0) return null
    return this.#life.supervisor?.runtime.settingsInForce.warm ? null : this.#use.lastUsed
  }

  /** Ends it for the sake of another one, as if it were idle. */
  evict(reason: string): void {
    this.#life.supervisor?.send({ type: 'idle', reason })
  }

  /** Its start is given up. */
  rejectStart(error: SpinnerError): void {
    this.withRejection(error).reportError(error)
    this.#life.supervisor?.send({ type: 'stop', reason: error.message })
  }

  /** A child that never was: what `start` hands out when its callback gets the error. */
  withRejection(error: Error): this {
    this.#waits.reject(() => error)
    return this
  }

  /** The spinner begins to close: what is asked for from now on would come up after the end. */
  seal(): void {
    this.#closed = true
  }

  /** The spinner closes. */
  dispose(): void {
    this.#closed = true
    this.#disposed = true
    this.#waits.notReady()
    this.#waits.reject(closedError)
    this.#waits.stopFailed(closedError(this.name))
    this.#leaveStarted()
    this.#life.supervisor?.dispose()
  }

  #awake(): Supervisor {
    return this.#life.activate(() => this.#supervised())
  }

  protected logger(): Logger | null {
    return this.#life.settings.logger
  }

  #supervised(): SupervisorHooks {
    return {
      child: this,
      onTransition: (to, from) => this.#onMoved(to, from),
      onUnavailable: () => this.#waits.notReady(),
      line: (stream, line) => void this.#announce('output', stream, line),
      message: (message) => void this.#announce('message', message),
      exited: (exit) => void this.#announce('exit', exit),
      error: (error) => this.reportError(error),
    }
  }

  /** Whoever waits is answered in this turn; listeners, which may act, are told when the machine is at rest. */
  #onMoved(to: ChildState, from: ChildState): (reason: string) => void {
    if (from === 'started') this.#leaveStarted()
    this.#shared.capacity?.onState(this, to)
    const told = this.#settle(to, from)
    return (reason) => {
      told()
      this.#announce('state', to, from, reason)
      if (!this.#disposed) this.#life.passivate()
    }
  }

  #settle(to: ChildState, from: ChildState): () => void {
    const supervision = this.#awake()
    if (to === 'started') return this.#onStarted(from, supervision)
    if (to === 'faulted') return this.#onFaulted(supervision.failure ?? supervision.refusal())
    return to === 'stopped' || from === 'stopping' ? this.#onStopped(to) : () => {}
  }

  #onStarted(from: ChildState, { kept, runtime: resources }: Supervisor): () => void {
    const { address, settingsInForce: settings } = resources
    if (kept) this.#waits.replaceFailed(() => kept)
    this.#waits.ready(address)
    if (settings.idleTimeSec !== null) this.#use.watch(settings.idleTimeSec, (reason) => this.evict(reason))
    if (settings.checks.length > 0) {
      const unhealthy = (reason: string): void => this.#life.supervisor?.send({ type: 'unhealthy', reason })
      this.#health ??= new Health(this.#shared, this, unhealthy)
      this.#health.begin(settings.checks)
    }
    if (kept) return () => this.reportError(kept)
    return () => void this.#announce(from === 'restart' ? 'restarted' : 'started', address)
  }

  /** Its group is gone; when a start was queued it is on its way again already. */
  #onStopped(to: ChildState): () => void {
    this.#waits.stopped()
    if (to === 'stopped') this.#waits.reject(stoppedError)
    return () => void this.#announce('stopped')
  }

  #onFaulted(error: SpinnerError): () => void {
    this.#waits.stopFailed(error)
    this.#waits.reject(() => error)
    return () => {
      this.#announce('faulted', error)
      this.#announce('error', error)
    }
  }

  #leaveStarted(): void {
    this.#use.unwatch()
    this.#health?.end()
  }

  #mustBeOpen(): void {
    if (this.#closed) throw closedError(this.name)
  }

  #announce<Event extends keyof ChildEvents>(event: Event, ...args: Parameters<ChildEvents[Event]>): boolean {
    const heard = this.emit(event, ...(args as never))
    return this.#announceToAll(event, this, ...args) || heard
  }
}
