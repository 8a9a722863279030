import { isDeepStrictEqual } from 'node:util'
import { Allocation } from '../address/allocation.ts'
import type { Shared } from '../context.ts'
import { safeLog } from '../emitter.ts'
import { headOf, lingersError, type SpinnerError, sparedError, stillAliveError } from '../errors.ts'
import { Watching } from '../monitor/child-monitor.ts'
import { Beside } from '../process/helpers.ts'
import type { ManagedProcess } from '../process/managed-process.ts'
import { Ring } from '../process/output.ts'
import { lateError } from '../ready/diagnose.ts'
import type { Place } from '../ready/listen.ts'
import type { Address, OutputStream, Target } from '../types/child.ts'
import type { ChildSettings } from '../types/options.ts'
import { classify } from './classify.ts'
import type { FailureKind } from './failures.ts'
import type { ChildHooks } from './hooks.ts'
import { Attempt } from './launch.ts'
import { Attempts, survivorsOf } from './process-slots.ts'

/**
 * What a child holds outside its machine: its processes, an address, a monitor. The machine decides and its actors
 * call these methods; none of those that end something ever rejects.
 */
export class Resources {
  /** In force from the next spawn on. */
  settings: ChildSettings
  /** Its last lines; null while it has written nothing. */
  output: Ring | null
  readonly beside: Beside
  readonly attempts: Attempts = new Attempts()
  readonly #shared: Shared
  readonly #hooks: ChildHooks
  readonly #allocation: Allocation
  readonly #watching: Watching

  /** `output` is what it has written in its former lives. */
  constructor(shared: Shared, hooks: ChildHooks, settings: ChildSettings, output: Ring | null) {
    this.#shared = shared
    this.output = output
    this.#hooks = hooks
    this.settings = settings
    const guard = (call: () => unknown): void => shared.plugins.guard(call, hooks.child)
    this.#allocation = new Allocation(shared, guard, (address) => hooks.child.address === address)
    this.#watching = new Watching(shared, {
      changed: (file) => hooks.send({ type: 'changed', file }),
      error: (error) => hooks.error(error),
    })
    this.beside = new Beside(shared)
  }

  /** Where the child listens, or is about to. */
  get address(): Address | null {
    return this.#allocation.address
  }

  get target(): Target | null {
    return this.#allocation.target
  }

  get process(): ManagedProcess | null {
    return this.attempts.main?.process ?? null
  }

  /** Whether it was seen that the process itself listens there. */
  get verified(): boolean {
    return this.attempts.main?.isReady === true && this.process !== null && this.attempts.main.verified
  }

  /** Where the process that is being brought up listens instead. */
  get elsewhere(): string | null {
    return this.attempts.newest?.isReady === false ? this.attempts.newest.elsewhere : null
  }

  /** The options of the process that there is, or of the next one. */
  get inForce(): ChildSettings {
    return this.process ? (this.attempts.main as Attempt).settings : this.settings
  }

  /** Spawns, when there is room, with the options that are there by then. */
  async launch(signal: AbortSignal): Promise<number> {
    const { budget, orphans } = this.#shared
    await budget?.admit(this.#hooks.child, this.settings.timeout, signal)
    await orphans?.ready()
    // Given up meanwhile, it would ask for an address that nobody wants.
    signal.throwIfAborted()
    // Once, since a caller may give others in every turn.
    return (await this.#launch(false, signal)) ?? ((await this.#launch(true, signal)) as number)
  }

  /** Null where other options have come before its turn at the gate, unless it is the last try. */
  async #launch(isLast: boolean, signal: AbortSignal): Promise<number | null> {
    const { settings } = this
    const { cgroups, orphans } = this.#shared
    this.#watching.watch(settings)
    const address = await this.#allocation.obtain(settings, this.attempts.incumbent !== null, signal)
    if (cgroups?.folder) orphans?.keepEmpty(cgroups.folder)
    // Where this launch was given up meanwhile, the newest attempt is a later one's.
    signal.throwIfAborted()
    const line = (stream: OutputStream, text: string): void => this.#line(stream, text)
    this.attempts.newest = new Attempt(this.#shared, this.#hooks, settings, line)
    // Beside a process that serves, other options may not be possible at all; they are for the next one.
    const mustStay = isLast || this.attempts.incumbent !== null
    const isCurrent = (): boolean => mustStay || isDeepStrictEqual(settings, this.settings)
    return this.attempts.newest.launch(address, signal, isCurrent)
  }

  async ready(signal: AbortSignal): Promise<void> {
    const keepsFormer = this.attempts.incumbent !== null
    const settle = (place: Place | null): void => this.#allocation.settle(place?.target ?? null, keepsFormer)
    await this.attempts.newest?.ready(settle, signal)
  }

  hasPlugins(): boolean {
    return this.#shared.plugins.takePart()
  }

  async introduce(signal: AbortSignal): Promise<void> {
    // Whoever is told meets the child as it is by then, and not as it was before the transition
    // (docs/hazards.md#h29).
    await Promise.resolve()
    await this.#shared.plugins.ready(this.#hooks.child, signal)
    // It may have ended meanwhile: the exit itself, which is on its way, then decides (docs/hazards.md#h38).
    if (this.attempts.newest?.process?.exit) await new Promise(() => {})
  }

  async drain(reason: string, signal: AbortSignal): Promise<void> {
    await Promise.resolve()
    await this.#shared.plugins.drain(this.#hooks.child, reason, signal)
  }

  /** The stop signal for all; done when nothing lives. */
  async terminate(): Promise<void> {
    await Promise.all([...this.attempts.all.map((attempt) => attempt.terminate()), this.beside.kill()])
    await this.#allocation.clean()
  }

  /** The kill of all; done when nothing lives. */
  async kill(): Promise<void> {
    await Promise.all([...this.attempts.all.map((attempt) => attempt.kill()), this.beside.kill()])
    await this.#allocation.clean()
  }

  /** The kill of what does not serve, before another attempt; done when nothing of it lives. */
  async clear(): Promise<void> {
    if (!this.attempts.incumbent) return this.kill()
    // At once: who asks for the child meanwhile shall not wait for the end of what does not serve.
    this.#allocation.undo()
    await this.attempts.newest?.kill()
  }

  /** In this very turn, for a machine that broke. */
  killNow(): void {
    this.attempts.abandon()
    for (const { process } of this.attempts.all) process?.killNow()
    this.beside.killNow()
  }

  /** Whether the next process may come up beside the one that serves. */
  canReplace(): boolean {
    return this.process?.exit === null && this.#allocation.canReplace(this.settings)
  }

  /** Whether the process that serves is to be ended before another launch after all. */
  mustLeave(): boolean {
    return this.attempts.incumbent !== null && !this.#allocation.canReplace(this.settings)
  }

  /** Whether the process that was to be replaced is still of use. */
  canKeep(): boolean {
    return this.#allocation.leads
  }

  /** The next one will not give its place back. */
  confirm(): void {
    this.#allocation.confirm()
  }

  /** The stop signal for what was replaced; done when nothing of it lives. */
  async retire(signal: AbortSignal): Promise<void> {
    await this.attempts.retiree?.retire(signal)
  }

  /** The kill of what was replaced; done when nothing of it lives. */
  async killRetired(): Promise<void> {
    await this.attempts.retiree?.kill()
  }

  /** What was replaced has survived its kill. */
  lingers(): void {
    const { retiree } = this.attempts
    this.#hooks.error(lingersError(this.settings.name, retiree ? survivorsOf([retiree]) : []))
    this.attempts.linger(retiree)
  }

  /** What is not serving is gone. */
  cleared(): void {
    if (this.attempts.incumbent) {
      this.attempts.newest = null
      this.#allocation.discard()
    } else this.gone()
  }

  /** All are gone. */
  gone(): void {
    const hadProcess = this.process !== null
    this.attempts.forget()
    this.#allocation.confirm()
    this.#allocation.discard()
    if (hadProcess) this.#shared.plugins.gone(this.#hooks.child)
  }

  /** Gives back what a stopped child does not need. */
  release(): void {
    this.#watching.close()
    this.#allocation.release()
  }

  stillAlive(): SpinnerError {
    const pids = [...survivorsOf(this.attempts.useless), ...this.beside.survivors()]
    return stillAliveError(this.settings.name, pids)
  }

  spared(reason: string): void {
    this.#hooks.error(sparedError(this.settings.name, reason))
  }

  /** What kind of failure an attempt was; a taken address is given up here. */
  classify(thrown: unknown, attempts: number): { error: SpinnerError; kind: FailureKind } {
    const { logger, name } = this.#current
    const { bound = null, process } = this.attempts.newest ?? {}
    const lastWords = process?.lastWords ?? []
    const classified = classify(thrown, this.#current, attempts, { bound, lastWords })
    if (classified.kind === 'address') this.#allocation.giveUp(name)
    safeLog(logger, 'warn', `${name}: attempt ${attempts} failed: ${headOf(classified.error)}`)
    return classified
  }

  /** Why it was not ready in time. */
  explain(): Promise<SpinnerError> {
    const { bound = null, process = null } = this.attempts.newest ?? {}
    return lateError(this.#shared, this.#current, bound, process)
  }

  /** The options of the attempt under way. */
  get #current(): ChildSettings {
    return this.attempts.newest?.settings ?? this.settings
  }

  #line(stream: OutputStream, line: string): void {
    this.output ??= new Ring()
    this.output.push(line)
    this.#hooks.line(stream, line)
  }
}
