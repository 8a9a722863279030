import type { Writable } from 'node:stream'
import type { CheckAccess, CheckedChild } from '../checks/access.ts'
import { Health, UNCHECKED } from '../checks/health.ts'
import type { Shared } from '../context.ts'
import { SafeEmitter, safeLog } from '../emitter.ts'
import { closedError, messageOf, type SpinnerError, stoppedError } from '../errors.ts'
import { readWait } from '../options/normalise.ts'
import { quietly, untilAborted } from '../promises.ts'
import type { Tenant } from '../schedule/capacity.ts'
import type { Address, ChildInfo, ChildState, Lease, Target } from '../types/child.ts'
import type { ChildEvents } from '../types/events.ts'
import type { ChildSettings, Logger, WaitOptions } from '../types/options.ts'
import { Life } from './activation.ts'
import { ChildLease } from './lease.ts'
import type { Supervised, Supervision } from './supervisor.ts'
import { Use } from './usage.ts'
import { Waits } from './waiters.ts'

/** Where a child's events go besides its own listeners; answers whether anyone listened. */
export type Announce = <Event extends keyof ChildEvents>(
  event: Event,
  child: ManagedChild,
  ...args: Parameters<ChildEvents[Event]>
) => boolean

/** Implements {@link Child}: the handle that callers hold. */
export class ManagedChild extends SafeEmitter<ChildEvents> implements CheckedChild, Tenant {
  readonly name: string
  readonly #shared: Shared
  readonly #announceToAll: Announce
  readonly #life: Life
  readonly #waits: Waits
  readonly #use: Use
  #closed = false
  #disposed = false
  #health: Health | null = null

  constructor(shared: Shared, settings: ChildSettings, announceToAll: Announce) {
    super()
    this.name = settings.name
    this.#shared = shared
    this.#life = new Life(shared, settings)
    this.#use = new Use(shared)
    this.#waits = new Waits(this.name, stoppedError)
    this.#announceToAll = announceToAll
  }

  get state(): ChildState {
    return this.#life.state
  }

  get serves(): boolean {
    return this.#life.supervision?.serves ?? false
  }

  get needsRetry(): boolean {
    return (
      this.state === 'faulted' ||
      (this.state === 'stopped' && this.#shared.budget?.hasTurnedAway(this) === true)
    )
  }

  get pid(): number | null {
    return this.#life.supervision?.pid ?? null
  }

  get address(): Address | null {
    return this.#life.supervision?.resources.address ?? null
  }

  get target(): Target | null {
    return this.#life.supervision?.resources.target ?? null
  }

  get stdin(): Writable | null {
    return this.#life.supervision?.resources.process?.stdin ?? null
  }

  touch(): void {
    this.#use.touch()
  }

  info(): ChildInfo {
    const { idleAt, leases } = this.#use
    return this.#life.picture(this.name, { leases, idleAt, checks: this.#health?.info() ?? UNCHECKED })
  }

  acquire(options: WaitOptions = {}): Promise<Lease> {
    return quietly(async () => {
      const { signal } = readWait(options)
      this.#use.hold()
      try {
        this.begin()
        await untilAborted(this.#waits.outcome(), signal)
        return new ChildLease(this)
      } catch (thrown) {
        this.letGo()
        throw thrown
      }
    })
  }

  tryAcquire(): Lease | null {
    if (!this.serves) return null
    this.#use.hold()
    return new ChildLease(this)
  }

  stop(options: WaitOptions = {}): Promise<void> {
    return quietly(async () => {
      const { signal } = readWait(options)
      if (this.state === 'stopped') return this.#shared.budget?.forgive(this)
      if (this.#disposed) throw closedError(this.name)
      const gone = this.#waits.forDeparture()
      this.#waits.refuse(stoppedError)
      this.#life.supervision?.send({ type: 'stop', reason: 'it was asked to stop' })
      await untilAborted(gone, signal)
    })
  }

  restart(options: WaitOptions = {}): Promise<Address | null> {
    return quietly(async () => {
      const { signal } = readWait(options)
      this.#mustBeOpen()
      const renewed = this.#waits.forRenewal()
      this.#awake().send({ type: 'restart', reason: 'a restart was asked for' })
      return untilAborted(renewed, signal)
    })
  }

  reload(): Promise<Address | null> {
    const isUnderWay = this.state === 'restart'
    const restarted = this.restart()
    if (isUnderWay) this.#life.supervision?.send({ type: 'changed', file: 'its configuration' })
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
    return this.#life.supervision?.resources.process?.send(message) ?? Promise.resolve(false)
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
    void this.#waits.forArrival()
    const supervision = this.#awake()
    supervision.send({ type: 'start' })
    if (this.state !== 'faulted') return
    const refusal = supervision.refusal()
    this.#waits.refuse(() => refusal)
  }

  /** New options, in force from the next spawn on. */
  reconfigure(settings: ChildSettings): this {
    this.#life.settings = settings
    return this
  }

  /** What the ready-made checks use. */
  get checkAccess(): CheckAccess {
    const { address, beside, inForce, process } = this.#awake().resources
    return {
      context: this.#shared,
      settings: inForce,
      process,
      spawnHelper: (settings, signal) => beside.spawn(settings, address, signal),
    }
  }

  /** The end of a lease. */
  letGo(): void {
    this.#use.letGo()
  }

  /** The number of its last use; null while it may not be ended for the sake of another one. */
  get spareSince(): number | null {
    if (this.state !== 'started' || this.#use.leases > 0) return null
    return this.#life.supervision?.resources.inForce.warm ? null : this.#use.last
  }

  /** Ends it for the sake of another one, as if it were idle. */
  giveWay(reason: string): void {
    this.#life.supervision?.send({ type: 'idle', reason })
  }

  /** Its start is given up. */
  giveUp(error: SpinnerError): void {
    this.refused(error).reportError(error)
    this.#life.supervision?.send({ type: 'stop', reason: error.message })
  }

  /** A child that never was: what `start` hands out when its callback gets the error. */
  refused(error: Error): this {
    this.#waits.refuse(() => error)
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
    this.#waits.left()
    this.#waits.refuse(closedError)
    this.#waits.stayed(closedError(this.name))
    this.#leaveStarted()
    this.#life.supervision?.dispose()
  }

  #awake(): Supervision {
    return this.#life.wake(() => this.#supervised())
  }

  protected logger(): Logger | null {
    return this.#life.settings.logger
  }

  #supervised(): Supervised {
    return {
      child: this,
      moved: (to, from) => this.#onMoved(to, from),
      left: () => this.#waits.left(),
      line: (stream, line) => void this.#announce('output', stream, line),
      message: (message) => void this.#announce('message', message),
      exited: (exit) => void this.#announce('exit', exit),
      error: (error) => this.reportError(error),
    }
  }

  /** Whoever waits is answered in this turn; listeners, which may act, are told when the machine is at rest. */
  #onMoved(to: ChildState, from: ChildState): (reason: string) => void {
    if (from === 'started') this.#leaveStarted()
    this.#shared.budget?.moved(this, to)
    const told = this.#settle(to, from)
    return (reason) => {
      told()
      this.#announce('state', to, from, reason)
      if (!this.#disposed) this.#life.sleep()
    }
  }

  #settle(to: ChildState, from: ChildState): () => void {
    const supervision = this.#awake()
    if (to === 'started') return this.#onStarted(from, supervision)
    if (to === 'faulted') return this.#onFaulted(supervision.failure ?? supervision.refusal())
    return to === 'stopped' || from === 'stopping' ? this.#onStopped(to) : () => {}
  }

  #onStarted(from: ChildState, { kept, resources }: Supervision): () => void {
    const { address, inForce: settings } = resources
    if (kept) this.#waits.kept(() => kept)
    this.#waits.arrived(address)
    if (settings.idleTimeSec !== null) this.#use.watch(settings.idleTimeSec, (reason) => this.giveWay(reason))
    if (settings.checks.length > 0) {
      const unhealthy = (reason: string): void => this.#life.supervision?.send({ type: 'unhealthy', reason })
      this.#health ??= new Health(this.#shared, this, unhealthy)
      this.#health.begin(settings.checks)
    }
    if (kept) return () => this.reportError(kept)
    return () => void this.#announce(from === 'restart' ? 'restarted' : 'started', address)
  }

  /** Its group is gone; when a start was queued it is on its way again already. */
  #onStopped(to: ChildState): () => void {
    this.#waits.departed()
    if (to === 'stopped') this.#waits.refuse(stoppedError)
    return () => void this.#announce('stopped')
  }

  #onFaulted(error: SpinnerError): () => void {
    this.#waits.stayed(error)
    this.#waits.refuse(() => error)
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
