import type { Writable } from 'node:stream'
import type { CheckAccess, CheckedChild } from '../checks/access.ts'
import { Health, NO_CHECKS } from '../checks/health.ts'
import type { SpinnerContext } from '../context.ts'
import { closedError, type SpinnerError, stoppedError } from '../errors.ts'
import { readWait } from '../options/normalise.ts'
import { silenced, untilAborted } from '../promises.ts'
import type { Evictable } from '../schedule/capacity.ts'
import type { Address, ChildInfo, ChildState, Lease, Target } from '../types/child.ts'
import type { ChildSettings, Logger, WaitOptions } from '../types/options.ts'
import { Activation } from './activation.ts'
import { acquireLease, ChildLease } from './lease.ts'
import { ChildReporter } from './reporter.ts'
import type { Supervisor, SupervisorHooks } from './supervisor.ts'
import { type ChildEvent, eventsOf, type Transition } from './transition.ts'
import { Usage } from './usage.ts'

/** Passes an event of a child to its spinner. Returns true if the spinner has a listener for it. */
export type Announce = (child: ManagedChild, event: ChildEvent) => boolean

/** Implements `Child`: the handle that callers hold. */
export class ManagedChild extends ChildReporter implements CheckedChild, Evictable {
  readonly #context: SpinnerContext
  readonly #announce: Announce
  readonly #activation: Activation
  readonly #usage: Usage
  #health: Health | null = null
  #sealed = false
  #disposed = false

  constructor(context: SpinnerContext, settings: ChildSettings, announce: Announce) {
    super(settings.name)
    this.#context = context
    this.#announce = announce
    this.#activation = new Activation(context, settings)
    this.#usage = new Usage(context)
  }

  get state(): ChildState {
    return this.#activation.state
  }

  get serves(): boolean {
    return this.#activation.supervisor?.serves ?? false
  }

  get needsRetry(): boolean {
    if (this.state === 'faulted') return true
    return this.state === 'stopped' && this.#context.capacity?.wasRejected(this) === true
  }

  get pid(): number | null {
    return this.#activation.supervisor?.pid ?? null
  }

  get address(): Address | null {
    return this.#activation.supervisor?.runtime.allocation.address ?? null
  }

  get target(): Target | null {
    return this.#activation.supervisor?.runtime.allocation.target ?? null
  }

  get stdin(): Writable | null {
    return this.#activation.supervisor?.runtime.process?.stdin ?? null
  }

  info(): ChildInfo {
    const { idleAt, leases } = this.#usage
    const checks = this.#health?.info() ?? NO_CHECKS
    return this.#activation.snapshot(this.name, { leases, idleAt, checks })
  }

  touch(): void {
    this.#usage.touch()
  }

  acquire(options: WaitOptions = {}): Promise<Lease> {
    return silenced(async () => acquireLease(this, this.#usage, this.waiters, readWait(options).signal))
  }

  tryAcquire(): Lease | null {
    if (!this.serves) return null
    this.#usage.acquire()
    return new ChildLease(this, this.#usage)
  }

  /** Starts the child, or joins the start that is under way. */
  begin(): void {
    this.#assertOpen()
    this.#usage.touch()
    if (this.state === 'started') return
    void this.waiters.untilReady()
    const supervisor = this.#activate()
    supervisor.send({ type: 'start' })
    if (this.state !== 'faulted') return
    const refusal = supervisor.refusal()
    this.waiters.reject(() => refusal)
  }

  stop(options: WaitOptions = {}): Promise<void> {
    return silenced(async () => {
      const { signal } = readWait(options)
      if (this.state === 'stopped') return this.#context.capacity?.forgetRejection(this)
      if (this.#disposed) throw closedError(this.name)
      const stopped = this.waiters.untilStopped()
      this.waiters.reject(stoppedError)
      this.#activation.supervisor?.send({ type: 'stop', reason: 'it was asked to stop' })
      await untilAborted(stopped, signal)
    })
  }

  restart(options: WaitOptions = {}): Promise<Address | null> {
    return silenced(async () => {
      const { signal } = readWait(options)
      this.#assertOpen()
      const replaced = this.waiters.untilReplaced()
      this.#activate().send({ type: 'restart', reason: 'a restart was asked for' })
      return untilAborted(replaced, signal)
    })
  }

  reload(): Promise<Address | null> {
    const isUnderWay = this.state === 'restart'
    const restarted = this.restart()
    if (isUnderWay) this.#activation.supervisor?.send({ type: 'changed', file: 'its configuration' })
    return restarted
  }

  send(message: unknown): Promise<boolean> {
    return this.#activation.supervisor?.runtime.process?.send(message) ?? Promise.resolve(false)
  }

  /** Sets the options for the next spawn. */
  reconfigure(settings: ChildSettings): this {
    this.#activation.settings = settings
    return this
  }

  get checkAccess(): CheckAccess {
    const { allocation, helpers, process, settingsInForce } = this.#activate().runtime
    return {
      context: this.#context,
      settings: settingsInForce,
      process,
      spawnHelper: (settings, signal) => helpers.spawn(settings, allocation.address, signal),
    }
  }

  get lastUsed(): number | null {
    if (this.state !== 'started' || this.#usage.leases > 0) return null
    return this.#activation.supervisor?.runtime.settingsInForce.warm ? null : this.#usage.lastUsed
  }

  evict(reason: string): void {
    this.#activation.supervisor?.send({ type: 'idle', reason })
  }

  rejectStart(error: SpinnerError): void {
    this.withRejection(error).reportError(error)
    this.#activation.supervisor?.send({ type: 'stop', reason: error.message })
  }

  /** Makes awaiting the child reject. A `start` that throws hands out such a child when its callback gets the error. */
  withRejection(error: Error): this {
    this.waiters.reject(() => error)
    return this
  }

  /** Refuses further starts, because the spinner begins to close. */
  seal(): this {
    this.#sealed = true
    return this
  }

  /** Ends everything, because the spinner closes. */
  dispose(): void {
    this.#sealed = true
    this.#disposed = true
    this.waiters.notReady()
    this.waiters.reject(closedError)
    this.waiters.stopFailed(closedError(this.name))
    this.#leaveStarted()
    this.#activation.supervisor?.dispose()
  }

  protected override logger(): Logger | null {
    return this.#activation.settings.logger
  }

  protected override announceToSpinner(event: ChildEvent): boolean {
    return this.#announce(this, event)
  }

  #activate(): Supervisor {
    return this.#activation.activate(() => this.#hooks())
  }

  #hooks(): SupervisorHooks {
    return {
      child: this,
      onTransition: (transition) => this.#onTransition(transition),
      onAnnounce: (transition) => this.#onAnnounce(transition),
      onUnavailable: () => this.waiters.notReady(),
      line: (stream, line) => void this.announce(['output', stream, line]),
      message: (message) => void this.announce(['message', message]),
      exited: (exit) => void this.announce(['exit', exit]),
      error: (error) => this.reportError(error),
    }
  }

  #onTransition(transition: Transition): void {
    const { from, to } = transition
    if (from === 'started') this.#leaveStarted()
    this.#context.capacity?.onState(this, to)
    this.waiters.settle(transition)
    if (to === 'started') this.#enterStarted()
  }

  #onAnnounce(transition: Transition): void {
    if (transition.kept) this.reportError(transition.kept)
    for (const event of eventsOf(transition)) this.announce(event)
    if (!this.#disposed) this.#activation.passivate()
  }

  #enterStarted(): void {
    const { checks, idleTimeSec } = this.#activate().runtime.settingsInForce
    if (idleTimeSec !== null) this.#usage.watch(idleTimeSec, (reason) => this.evict(reason))
    if (checks.length === 0) return
    const onUnhealthy = (reason: string): void =>
      this.#activation.supervisor?.send({ type: 'unhealthy', reason })
    this.#health ??= new Health(this.#context, this, onUnhealthy)
    this.#health.begin(checks)
  }

  #leaveStarted(): void {
    this.#usage.unwatch()
    this.#health?.end()
  }

  #assertOpen(): void {
    if (this.#sealed) throw closedError(this.name)
  }
}
