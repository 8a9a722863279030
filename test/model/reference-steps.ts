import type { ChildState, Exit } from '../../src/types/child.ts'
import type { ModelOptions } from './options.ts'
import { type Kind, ReferenceFailures } from './reference-failures.ts'
import type { GateEntry } from './reference-gate.ts'
import { ReferenceHistory } from './reference-history.ts'
import { type Address, ReferenceHoldings } from './reference-holdings.ts'
import { graceLeft, type ReferenceProcess } from './reference-process.ts'
import type { Plan, ReferenceTime } from './reference-time.ts'
import { ReferenceWaits } from './reference-waits.ts'
import type { SharedState } from './shared-state.ts'

/** A step inside a state. */
export type Step =
  | 'resting'
  | 'clearing'
  | 'waiting'
  | 'launching'
  | 'readying'
  | 'terminating'
  | 'killing'
  /** The new process serves, and the old one is asked to stop. */
  | 'retiring'

const KILL_MS = 5_000

/** Predicts how a child is stopped, and what happens between two attempts. The state decides what follows a step. */
export abstract class ReferenceSteps {
  readonly name: string
  state: ChildState = 'stopped'
  step: Step = 'resting'
  options: ModelOptions
  inForce: ModelOptions
  /** The process that starts, or that serves if `oldProcess` is null. */
  process: ReferenceProcess | null = null
  /** The process that serves while the next one starts. */
  oldProcess: ReferenceProcess | null = null
  /** The process that was replaced or has exited. What is left of it must be ended. */
  retiredProcess: ReferenceProcess | null = null
  /** Processes that survived SIGKILL while another process served. */
  readonly survivors = new Set<ReferenceProcess>()
  /** True if a file has changed since the start of the process that is ready. */
  outdated = false
  error = ''
  faultedAt = 0
  readonly history = new ReferenceHistory()
  /** The events that its listeners get, in order. */
  readonly trace: string[] = []
  readonly shared: SharedState
  readonly time: ReferenceTime
  readonly waits: ReferenceWaits
  #failures = new ReferenceFailures()
  readonly holdings: ReferenceHoldings
  protected deadline: Plan | null = null
  /** Number of the step, so that late results of an earlier step can be ignored. */
  protected turn = 0
  protected entry: GateEntry | null = null

  constructor(name: string, options: ModelOptions, shared: SharedState) {
    this.name = name
    this.options = options
    this.inForce = options
    this.shared = shared
    this.time = shared.time
    this.waits = new ReferenceWaits(shared.time)
    this.holdings = new ReferenceHoldings(shared)
  }

  get address(): Address {
    return this.holdings.address
  }

  /** The process whose pid is shown. */
  get shownProcess(): ReferenceProcess | null {
    return this.oldProcess ?? this.process
  }

  get all(): ReferenceProcess[] {
    const wanted = [this.process, this.oldProcess, this.retiredProcess].filter((process) => process !== null)
    return [...wanted, ...this.survivors]
  }

  abstract handle(input: 'gone' | 'lost' | 'changed', exit?: Exit): void
  protected abstract onLeft(): void
  protected abstract launch(): void
  /** Keeps the old process, because the new version did not become ready. */
  protected abstract keep(): void
  protected abstract onMoved(to: ChildState, from: ChildState): string[]

  move(to: ChildState): void {
    const from = this.state
    if (to === from) return
    this.state = to
    this.emit([...this.onMoved(to, from), `state ${to}<${from}`])
  }

  emit(lines: readonly string[]): void {
    this.time.soon(() => this.trace.push(...lines))
  }

  begin(state: 'starting' | 'restart'): void {
    this.forgetAttempts()
    this.move(state)
    this.clear()
  }

  forgetAttempts(): void {
    this.outdated = false
    this.#failures = new ReferenceFailures()
  }

  leave(state: 'stopping' | 'restart'): void {
    this.move(state)
    this.#terminate(state)
  }

  /** Asks all processes to stop. Their time counts from the stop signal, which may be sent before this call or later. */
  #terminate(state: 'stopping' | 'restart'): void {
    const left = (): number => graceLeft(this.all, this.inForce.stopTimeout * 1_000, this.time.now)
    const isCurrent = this.enter('terminating', left(), () =>
      left() <= 1 ? this.killLeaving(state) : this.#terminate(state),
    )
    this.#leaveGate()
    this.#whenAll(
      this.all,
      (process, gone) => process.terminate(gone),
      () => (isCurrent() ? this.#left() : undefined),
    )
  }

  killLeaving(state: 'stopping' | 'restart'): void {
    this.move(state)
    this.#kill('killing', this.all, () => this.#left())
  }

  fault(code: string): void {
    this.error = code
    this.faultedAt = this.time.now
    this.move('faulted')
    this.clear()
  }

  /** Fails the attempt if the child waits for readiness. */
  failReadiness(code: string, kind: Kind = 'child'): void {
    if (this.step === 'readying') this.fail(code, kind)
  }

  rest(): void {
    this.enter('resting')
  }

  release(): void {
    this.holdings.release()
  }

  disposeAttempt(): void {
    this.enter('resting')
    for (const process of this.all) process.kill()
    this.release()
  }

  protected enter(step: Step, ms?: number, onLate: () => void = () => {}): () => boolean {
    const turn = ++this.turn
    this.step = step
    this.time.cancel(this.deadline)
    this.deadline = ms === undefined ? null : this.time.after(ms, onLate)
    return () => turn === this.turn
  }

  #kill(step: 'clearing' | 'killing', whom: readonly ReferenceProcess[], next: () => void): void {
    const isCurrent = this.enter(step, KILL_MS, () =>
      whom.some((process) => process.outlivesKill) ? this.#onSurvived() : this.#kill(step, whom, next),
    )
    this.#leaveGate()
    const whenGone = (): void => (isCurrent() ? next() : undefined)
    for (const process of whom) process.kill()
    this.#whenAll(
      whom,
      (process, gone) => process.whenGone(gone),
      () => this.time.soon(whenGone),
    )
  }

  /** Starts `act` for each process and calls `then` when it is done for all. */
  #whenAll(
    whom: readonly ReferenceProcess[],
    act: (process: ReferenceProcess, then: () => void) => void,
    then: () => void,
  ): void {
    let left = whom.length
    const one = (): void => {
      left--
      if (left === 0) then()
    }
    for (const process of whom) act(process, one)
    if (left === 0) this.time.soon(then)
  }

  /** Kills all processes that do not serve, then continues. */
  protected clear(): void {
    const useless = this.process ? [this.process] : []
    if (this.oldProcess) this.holdings.rollback()
    this.#kill('clearing', this.oldProcess ? useless : this.all, () => {
      if (this.oldProcess) this.process = null
      else this.#forgetProcesses()
      this.#goOn()
    })
  }

  #goOn(): void {
    const isOver = this.#failures.isOver(this.inForce.attempts)
    const wait = this.#failures.pause(this.history.streak, this.shared.random)
    if (this.state === 'faulted') this.enter('resting')
    else if (isOver && this.oldProcess && this.holdings.socketExists) this.keep()
    else if (isOver && !this.oldProcess) this.fault(this.error)
    else if (wait > 0 && !this.#mustEndFirst) this.enter('waiting', wait, () => this.#launch())
    else this.#launch()
  }

  #launch(): void {
    if (this.#mustEndFirst) this.#endFirst()
    else this.launch()
  }

  /** True if the old process must be stopped first: its socket is gone, or the new options do not say `start-first`. */
  get #mustEndFirst(): boolean {
    return this.oldProcess !== null && !(this.options.startFirst && this.holdings.socketExists)
  }

  #endFirst(): void {
    this.forgetAttempts()
    this.waits.forgetReady()
    this.#endReplacement()
    this.leave('restart')
  }

  /** Ends the replacement: from now on no process serves. */
  #endReplacement(): void {
    if (this.process === null) this.process = this.oldProcess
    else this.retiredProcess ??= this.oldProcess
    this.oldProcess = null
  }

  #forgetProcesses(): void {
    this.process = null
    this.oldProcess = null
    this.retiredProcess = null
    this.survivors.clear()
  }

  protected keepSurvivor(process: ReferenceProcess | null): void {
    if (!process) return
    this.survivors.add(process)
    process.whenGone(() => this.survivors.delete(process))
  }

  /** Handles a group that survived SIGKILL. Nothing is started, but another process that serves goes on. */
  #onSurvived(): void {
    this.error = 'STILL_ALIVE'
    if (this.oldProcess && this.step === 'clearing' && this.holdings.socketExists) {
      this.keepSurvivor(this.process)
      this.process = null
      this.keep()
      return
    }
    this.#endReplacement()
    if (this.state !== 'faulted') this.faultedAt = this.time.now
    this.enter('resting')
    this.move('faulted')
  }

  #left(): void {
    this.#forgetProcesses()
    if (this.state === 'restart') this.clear()
    else this.onLeft()
  }

  protected fail(code: string, kind: Kind): void {
    this.#failures.add(kind)
    this.error = code
    if (kind === 'address') this.holdings.releaseAddress()
    this.clear()
  }

  #leaveGate(): void {
    this.shared.gate.leave(this.entry)
    this.entry = null
  }
}
