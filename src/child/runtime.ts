import { isDeepStrictEqual } from 'node:util'
import { Allocation } from '../address/allocation.ts'
import type { SpinnerContext } from '../context.ts'
import { safeLog } from '../emitter.ts'
import {
  firstLineOf,
  lingersError,
  type SpinnerError,
  stillAliveError,
  stillUnhealthyError,
} from '../errors.ts'
import { ChildMonitor } from '../monitor/child-monitor.ts'
import { HelperProcesses } from '../process/helpers.ts'
import type { ManagedProcess } from '../process/managed-process.ts'
import { LineBuffer } from '../process/output.ts'
import { notReadyError } from '../ready/diagnose.ts'
import type { OutputStream } from '../types/child.ts'
import type { ChildSettings } from '../types/options.ts'
import { classify, type FailureKind } from './failures.ts'
import type { ChildHooks } from './hooks.ts'
import { Launch } from './launch.ts'
import { ProcessSlots, survivorsOf } from './process-slots.ts'

/**
 * Everything that a child holds outside its machine: processes, an address, a monitor. The machine decides, and its actors
 * and actions call these methods. Those that end something never reject.
 */
export class ChildRuntime {
  /** The options for the next spawn. */
  settings: ChildSettings
  /** The last lines of output; `null` while there are none. */
  output: LineBuffer | null
  readonly slots: ProcessSlots = new ProcessSlots()
  readonly allocation: Allocation
  readonly helpers: HelperProcesses
  readonly #context: SpinnerContext
  readonly #hooks: ChildHooks
  readonly #monitor: ChildMonitor

  /** `output` holds the last lines of earlier activations. */
  constructor(
    context: SpinnerContext,
    hooks: ChildHooks,
    settings: ChildSettings,
    output: LineBuffer | null,
  ) {
    this.#context = context
    this.#hooks = hooks
    this.settings = settings
    this.output = output
    const guard = (call: () => unknown): void => context.plugins.guard(call, hooks.child)
    // Ask the child and not this runtime: a later activation may hold the address.
    this.allocation = new Allocation(context, guard, (address) => hooks.child.address === address)
    this.helpers = new HelperProcesses(context)
    this.#monitor = new ChildMonitor(context, {
      changed: (file) => hooks.send({ type: 'changed', file }),
      error: (error) => hooks.error(error),
    })
  }

  /** The current process, once it is spawned. */
  get process(): ManagedProcess | null {
    return this.slots.current?.process ?? null
  }

  /** The options of the current process, or those for the next one while there is none. */
  get settingsInForce(): ChildSettings {
    const { current } = this.slots
    return current?.process ? current.settings : this.settings
  }

  /** Waits for a free slot, then spawns with the options that are there by then. */
  async launch(signal: AbortSignal): Promise<void> {
    const { capacity, orphans } = this.#context
    await capacity?.admit(this.#hooks.child, this.settings.timeout, signal)
    await orphans?.ready()
    // Do not ask for an address that nobody wants any more.
    signal.throwIfAborted()
    // Try again once only: a caller may give other options in every turn.
    if (!(await this.#launch(false, signal))) await this.#launch(true, signal)
  }

  /** Returns false if the options changed before the launch passed the gate, unless this is the last try. */
  async #launch(isLast: boolean, signal: AbortSignal): Promise<boolean> {
    const { settings, slots } = this
    const { cgroups, orphans } = this.#context
    this.#monitor.watch(settings)
    const address = await this.allocation.obtain(settings, slots.isReplacing, signal)
    if (cgroups?.folder) orphans?.keepEmpty(cgroups.folder)
    // If this launch was given up meanwhile, the slot belongs to a later one.
    signal.throwIfAborted()
    const line = (stream: OutputStream, text: string): void => this.#line(stream, text)
    const launch = new Launch(this.#context, this.#hooks, settings, line)
    slots.place(launch)
    // Other options may be impossible beside a process that serves; they are for the launch after this one.
    const mustStay = isLast || slots.isReplacing
    return launch.launch(address, signal, () => mustStay || isDeepStrictEqual(settings, this.settings))
  }

  /** Resolves when the latest process is ready and its address leads to it. */
  async ready(signal: AbortSignal): Promise<void> {
    const { isReplacing, latest } = this.slots
    await latest?.ready((endpoint) => this.allocation.promote(endpoint?.target ?? null, isReplacing), signal)
  }

  hasPlugins(): boolean {
    return this.#context.plugins.hasLifecycleHooks()
  }

  /** Calls the `ready` hooks of the plugins. */
  async notifyPlugins(signal: AbortSignal): Promise<void> {
    // Wait for the transition to be complete: a plugin must see the child in its new state (docs/hazards.md#h29).
    await Promise.resolve()
    await this.#context.plugins.ready(this.#hooks.child, signal)
    // The process may have ended meanwhile: the exit, which is on its way, decides then (docs/hazards.md#h38).
    if (this.slots.latest?.process?.exit) await new Promise(() => {})
  }

  /** Calls the `drain` hooks of the plugins. */
  async drain(reason: string, signal: AbortSignal): Promise<void> {
    await Promise.resolve()
    await this.#context.plugins.drain(this.#hooks.child, reason, signal)
  }

  /** Sends the stop signal to all processes. Resolves when nothing lives. */
  async terminate(): Promise<void> {
    await Promise.all([...this.slots.all.map((launch) => launch.terminate()), this.helpers.kill()])
    await this.allocation.clean()
  }

  /** Kills all processes. Resolves when nothing lives. */
  async kill(): Promise<void> {
    await Promise.all([...this.slots.all.map((launch) => launch.kill()), this.helpers.kill()])
    await this.allocation.clean()
  }

  /** Kills what does not serve, before another attempt. Resolves when nothing of it lives. */
  async cleanUp(): Promise<void> {
    if (!this.slots.isReplacing) return this.kill()
    // At once: callers that ask for the child meanwhile must reach the process that serves.
    this.allocation.rollback()
    await this.slots.next?.kill()
  }

  /** Kills everything in this very turn, for a machine that broke. */
  killNow(): void {
    this.slots.abandonReplacement()
    for (const { process } of this.slots.all) process?.killNow()
    this.helpers.killNow()
  }

  /** Sends the stop signal to the process that was replaced. Resolves when nothing of it lives. */
  async retire(signal: AbortSignal): Promise<void> {
    await this.slots.previous?.retire(signal)
  }

  /** Kills the process that was replaced. Resolves when nothing of it lives. */
  async killPrevious(): Promise<void> {
    await this.slots.previous?.kill()
  }

  /** True if the next process can be started beside the one that serves. */
  canReplace(): boolean {
    return this.process?.exit === null && this.allocation.canReplace(this.settings)
  }

  /** True if the process that serves must end before the next launch after all. */
  mustStopFirst(): boolean {
    return this.slots.isReplacing && !this.allocation.canReplace(this.settings)
  }

  /** True if the process that was to be replaced is still reached at the address. */
  canKeepCurrent(): boolean {
    return this.slots.isReplacing && this.allocation.isCurrent
  }

  /** Reports that the previous process survived its kill, and goes on without it. */
  leavePreviousBehind(): void {
    const { previous } = this.slots
    this.#hooks.error(lingersError(this.settings.name, previous ? survivorsOf([previous]) : []))
    this.slots.leaveBehind(previous)
  }

  /** Forgets the processes of a failed attempt, which are gone. */
  clearFailed(): void {
    if (this.slots.isReplacing) {
      this.slots.clearNext()
      this.allocation.discard()
    } else this.clear()
  }

  /** Forgets all processes, which are gone. */
  clear(): void {
    const hadProcess = this.process !== null
    this.slots.clear()
    this.allocation.commit()
    this.allocation.discard()
    if (hadProcess) this.#context.plugins.gone(this.#hooks.child)
  }

  /** Gives back what a stopped child does not need. */
  release(): void {
    this.#monitor.close()
    this.allocation.release()
  }

  /** Returns the kind of a failed attempt, and the error that stands for it. */
  classify(thrown: unknown, attempts: number): { error: SpinnerError; kind: FailureKind } {
    const { bound = null, process } = this.slots.latest ?? {}
    return classify(thrown, this.#latestSettings, attempts, { bound, stderrTail: process?.stderrTail ?? [] })
  }

  /** Logs a failed attempt, and gives up an address that another process has taken. */
  reportFailure(error: SpinnerError | null, kind: FailureKind | null): void {
    const { logger, name } = this.#latestSettings
    if (kind === 'address') this.allocation.abandon(name)
    if (error) safeLog(logger, 'warn', `${name}: attempt ${error.attempts} failed: ${firstLineOf(error)}`)
  }

  /** Reports a failed check that does not restart the child any more. */
  ignoreUnhealthy(reason: string): void {
    this.#hooks.error(stillUnhealthyError(this.settings.name, reason))
  }

  /** Returns the error that names what survived its kill. */
  survivorsError(): SpinnerError {
    const pids = [...survivorsOf(this.slots.notServing), ...this.helpers.survivors()]
    return stillAliveError(this.settings.name, pids)
  }

  /** Finds out why the latest process was not ready in time. */
  diagnose(): Promise<SpinnerError> {
    const { bound = null, process = null } = this.slots.latest ?? {}
    return notReadyError(this.#context, this.#latestSettings, bound, process)
  }

  get #latestSettings(): ChildSettings {
    return this.slots.latest?.settings ?? this.settings
  }

  #line(stream: OutputStream, line: string): void {
    this.output ??= new LineBuffer()
    this.output.push(line)
    this.#hooks.line(stream, line)
  }
}
