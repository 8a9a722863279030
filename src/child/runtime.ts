import { isDeepStrictEqual } from 'node:util'
import { Allocation } from '../address/allocation.ts'
import type { SpinnerContext } from '../context.ts'
import { safeLog } from '../emitter.ts'
import { firstLineOf, lingersError, type SpinnerError, sparedError, stillAliveError } from '../errors.ts'
import { ChildMonitor } from '../monitor/child-monitor.ts'
import { HelperProcesses } from '../process/helpers.ts'
import type { ManagedProcess } from '../process/managed-process.ts'
import { LineBuffer } from '../process/output.ts'
import { notReadyError } from '../ready/diagnose.ts'
import type { Endpoint } from '../ready/listen.ts'
import type { Address, OutputStream, Target } from '../types/child.ts'
import type { ChildSettings } from '../types/options.ts'
import type { FailureKind } from './failures.ts'
import { classify } from './failures.ts'
import type { ChildHooks } from './hooks.ts'
import { Launch } from './launch.ts'
import { ProcessSlots, survivorsOf } from './process-slots.ts'

/**
 * What a child holds outside its machine: its processes, an address, a monitor. The machine decides and its actors
 * call these methods; none of those that end something ever rejects.
 */
export class ChildRuntime {
  /** In force from the next spawn on. */
  settings: ChildSettings
  /** Its last lines; null while it has written nothing. */
  output: LineBuffer | null
  readonly helpers: HelperProcesses
  readonly slots: ProcessSlots = new ProcessSlots()
  readonly #shared: SpinnerContext
  readonly #hooks: ChildHooks
  readonly #allocation: Allocation
  readonly #watching: ChildMonitor

  /** `output` is what it has written in its former lives. */
  constructor(shared: SpinnerContext, hooks: ChildHooks, settings: ChildSettings, output: LineBuffer | null) {
    this.#shared = shared
    this.output = output
    this.#hooks = hooks
    this.settings = settings
    const guard = (call: () => unknown): void => shared.plugins.guard(call, hooks.child)
    this.#allocation = new Allocation(shared, guard, (address) => hooks.child.address === address)
    this.#watching = new ChildMonitor(shared, {
      changed: (file) => hooks.send({ type: 'changed', file }),
      error: (error) => hooks.error(error),
    })
    this.helpers = new HelperProcesses(shared)
  }

  /** Where the child listens, or is about to. */
  get address(): Address | null {
    return this.#allocation.address
  }

  get target(): Target | null {
    return this.#allocation.target
  }

  get process(): ManagedProcess | null {
    return this.slots.main?.process ?? null
  }

  /** Whether it was seen that the process itself listens there. */
  get verified(): boolean {
    return this.slots.main?.isReady === true && this.process !== null && this.slots.main.verified
  }

  /** Where the process that is being brought up listens instead. */
  get elsewhere(): string | null {
    return this.slots.newest?.isReady === false ? this.slots.newest.elsewhere : null
  }

  /** The options of the process that there is, or of the next one. */
  get settingsInForce(): ChildSettings {
    return this.process ? (this.slots.main as Launch).settings : this.settings
  }

  /** Spawns, when there is room, with the options that are there by then. */
  async launch(signal: AbortSignal): Promise<number> {
    const { capacity: budget, orphans } = this.#shared
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
    const address = await this.#allocation.obtain(settings, this.slots.incumbent !== null, signal)
    if (cgroups?.folder) orphans?.keepEmpty(cgroups.folder)
    // Where this launch was given up meanwhile, the newest attempt is a later one's.
    signal.throwIfAborted()
    const line = (stream: OutputStream, text: string): void => this.#line(stream, text)
    this.slots.newest = new Launch(this.#shared, this.#hooks, settings, line)
    // Beside a process that serves, other options may not be possible at all; they are for the next one.
    const mustStay = isLast || this.slots.incumbent !== null
    const isCurrent = (): boolean => mustStay || isDeepStrictEqual(settings, this.settings)
    return this.slots.newest.launch(address, signal, isCurrent)
  }

  async ready(signal: AbortSignal): Promise<void> {
    const keepsFormer = this.slots.incumbent !== null
    const settle = (place: Endpoint | null): void =>
      this.#allocation.promote(place?.target ?? null, keepsFormer)
    await this.slots.newest?.ready(settle, signal)
  }

  hasPlugins(): boolean {
    return this.#shared.plugins.hasLifecycleHooks()
  }

  async introduce(signal: AbortSignal): Promise<void> {
    // Whoever is told meets the child as it is by then, and not as it was before the transition
    // (docs/hazards.md#h29).
    await Promise.resolve()
    await this.#shared.plugins.ready(this.#hooks.child, signal)
    // It may have ended meanwhile: the exit itself, which is on its way, then decides (docs/hazards.md#h38).
    if (this.slots.newest?.process?.exit) await new Promise(() => {})
  }

  async drain(reason: string, signal: AbortSignal): Promise<void> {
    await Promise.resolve()
    await this.#shared.plugins.drain(this.#hooks.child, reason, signal)
  }

  /** The stop signal for all; done when nothing lives. */
  async terminate(): Promise<void> {
    await Promise.all([...this.slots.all.map((attempt) => attempt.terminate()), this.helpers.kill()])
    await this.#allocation.clean()
  }

  /** The kill of all; done when nothing lives. */
  async kill(): Promise<void> {
    await Promise.all([...this.slots.all.map((attempt) => attempt.kill()), this.helpers.kill()])
    await this.#allocation.clean()
  }

  /** The kill of what does not serve, before another attempt; done when nothing of it lives. */
  async clear(): Promise<void> {
    if (!this.slots.incumbent) return this.kill()
    // At once: who asks for the child meanwhile shall not wait for the end of what does not serve.
    this.#allocation.rollback()
    await this.slots.newest?.kill()
  }

  /** In this very turn, for a machine that broke. */
  killNow(): void {
    this.slots.abandon()
    for (const { process } of this.slots.all) process?.killNow()
    this.helpers.killNow()
  }

  /** Whether the next process may come up beside the one that serves. */
  canReplace(): boolean {
    return this.process?.exit === null && this.#allocation.canReplace(this.settings)
  }

  /** Whether the process that serves is to be ended before another launch after all. */
  mustLeave(): boolean {
    return this.slots.incumbent !== null && !this.#allocation.canReplace(this.settings)
  }

  /** Whether the process that was to be replaced is still of use. */
  canKeep(): boolean {
    return this.#allocation.isCurrent
  }

  /** The next one will not give its place back. */
  confirm(): void {
    this.#allocation.commit()
  }

  /** The stop signal for what was replaced; done when nothing of it lives. */
  async retire(signal: AbortSignal): Promise<void> {
    await this.slots.retiree?.retire(signal)
  }

  /** The kill of what was replaced; done when nothing of it lives. */
  async killRetired(): Promise<void> {
    await this.slots.retiree?.kill()
  }

  /** What was replaced has survived its kill. */
  lingers(): void {
    const { retiree } = this.slots
    this.#hooks.error(lingersError(this.settings.name, retiree ? survivorsOf([retiree]) : []))
    this.slots.linger(retiree)
  }

  /** What is not serving is gone. */
  cleared(): void {
    if (this.slots.incumbent) {
      this.slots.newest = null
      this.#allocation.discard()
    } else this.gone()
  }

  /** All are gone. */
  gone(): void {
    const hadProcess = this.process !== null
    this.slots.forget()
    this.#allocation.commit()
    this.#allocation.discard()
    if (hadProcess) this.#shared.plugins.gone(this.#hooks.child)
  }

  /** Gives back what a stopped child does not need. */
  release(): void {
    this.#watching.close()
    this.#allocation.release()
  }

  stillAlive(): SpinnerError {
    const pids = [...survivorsOf(this.slots.useless), ...this.helpers.survivors()]
    return stillAliveError(this.settings.name, pids)
  }

  spared(reason: string): void {
    this.#hooks.error(sparedError(this.settings.name, reason))
  }

  /** What kind of failure an attempt was; a taken address is given up here. */
  classify(thrown: unknown, attempts: number): { error: SpinnerError; kind: FailureKind } {
    const { logger, name } = this.#current
    const { bound = null, process } = this.slots.newest ?? {}
    const lastWords = process?.stderrTail ?? []
    const classified = classify(thrown, this.#current, attempts, { bound, lastWords })
    if (classified.kind === 'address') this.#allocation.abandon(name)
    safeLog(logger, 'warn', `${name}: attempt ${attempts} failed: ${firstLineOf(classified.error)}`)
    return classified
  }

  /** Why it was not ready in time. */
  explain(): Promise<SpinnerError> {
    const { bound = null, process = null } = this.slots.newest ?? {}
    return notReadyError(this.#shared, this.#current, bound, process)
  }

  /** The options of the attempt under way. */
  get #current(): ChildSettings {
    return this.slots.newest?.settings ?? this.settings
  }

  #line(stream: OutputStream, line: string): void {
    this.output ??= new LineBuffer()
    this.output.push(line)
    this.#hooks.line(stream, line)
  }
}
