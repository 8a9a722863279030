import type { ChildState, Exit } from '../../src/types/child.ts'
import type { ModelOptions } from './options.ts'
import { type Kind, ReferenceFailures } from './reference-failures.ts'
import type { Passage } from './reference-gate.ts'
import { type Address, ReferenceHoldings } from './reference-holdings.ts'
import { graceLeft, type ReferenceProcess } from './reference-process.ts'
import { ReferenceRecord } from './reference-record.ts'
import type { Plan, ReferenceTime } from './reference-time.ts'
import { ReferenceWaits } from './reference-waits.ts'
import type { Surroundings } from './surroundings.ts'

/** What goes on inside a state. */
export type Step =
  | 'resting'
  | 'clearing'
  | 'waiting'
  | 'launching'
  | 'readying'
  | 'terminating'
  | 'killing'
  /** The new process serves, and the old one is asked to end. */
  | 'retiring'

const KILL_MS = 5_000

/** How a child is brought down, and what is between two attempts. What a step is for is decided by the state. */
export abstract class ReferenceSteps {
  readonly name: string
  state: ChildState = 'stopped'
  step: Step = 'resting'
  options: ModelOptions
  inForce: ModelOptions
  /** It serves, or is being brought up. */
  process: ReferenceProcess | null = null
  /** It serves while the next one is being brought up. */
  incumbent: ReferenceProcess | null = null
  /** The next one has taken its place, or it has ended: what is left of it is to be ended. */
  retiree: ReferenceProcess | null = null
  /** They have survived their kill while another served. */
  readonly lingering = new Set<ReferenceProcess>()
  /** A file has changed since the process that is ready was started. */
  outdated = false
  error = ''
  faultedAt = 0
  readonly record = new ReferenceRecord()
  /** What its listeners hear, in order. */
  readonly trace: string[] = []
  readonly surroundings: Surroundings
  readonly time: ReferenceTime
  readonly waits: ReferenceWaits
  #failures = new ReferenceFailures()
  readonly holdings: ReferenceHoldings
  protected deadline: Plan | null = null
  /** Grows with each step, so that what belongs to an earlier one is known. */
  protected turn = 0
  protected passage: Passage | null = null

  constructor(name: string, options: ModelOptions, surroundings: Surroundings) {
    this.name = name
    this.options = options
    this.inForce = options
    this.surroundings = surroundings
    this.time = surroundings.time
    this.waits = new ReferenceWaits(surroundings.time)
    this.holdings = new ReferenceHoldings(surroundings)
  }

  get address(): Address {
    return this.holdings.address
  }

  /** The one whose number is shown. */
  get main(): ReferenceProcess | null {
    return this.incumbent ?? this.process
  }

  get all(): ReferenceProcess[] {
    const wanted = [this.process, this.incumbent, this.retiree].filter((process) => process !== null)
    return [...wanted, ...this.lingering]
  }

  abstract hear(input: 'gone' | 'lost' | 'changed', exit?: Exit): void
  protected abstract onLeft(): void
  protected abstract launch(): void
  /** The new version did not come up, and the old one serves. */
  protected abstract keep(): void
  protected abstract onMoved(to: ChildState, from: ChildState): string[]

  move(to: ChildState): void {
    const from = this.state
    if (to === from) return
    this.state = to
    this.tell([...this.onMoved(to, from), `state ${to}<${from}`])
  }

  tell(lines: readonly string[]): void {
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

  /** The time of those who leave runs from their signal on, which may have gone out before this, or later. */
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

  /** What was to become ready will not. */
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
    this.time.callOff(this.deadline)
    this.deadline = ms === undefined ? null : this.time.after(ms, onLate)
    return () => turn === this.turn
  }

  #kill(step: 'clearing' | 'killing', whom: readonly ReferenceProcess[], next: () => void): void {
    const isCurrent = this.enter(step, KILL_MS, () =>
      whom.some((process) => process.outlivesKill) ? this.#survive() : this.#kill(step, whom, next),
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

  /** Does something that takes its time with some processes, and calls `then` when it is done for all. */
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

  /** Ends whatever is of no use, and goes on from there. */
  protected clear(): void {
    const useless = this.process ? [this.process] : []
    if (this.incumbent) this.holdings.undo()
    this.#kill('clearing', this.incumbent ? useless : this.all, () => {
      if (this.incumbent) this.process = null
      else this.#forgetProcesses()
      this.#goOn()
    })
  }

  #goOn(): void {
    const isOver = this.#failures.isOver(this.inForce.attempts)
    const wait = this.#failures.pause(this.record.streak, this.surroundings.random)
    if (this.state === 'faulted') this.enter('resting')
    else if (isOver && this.incumbent && this.holdings.isThere) this.keep()
    else if (isOver && !this.incumbent) this.fault(this.error)
    else if (wait > 0 && !this.#mustEndFirst) this.enter('waiting', wait, () => this.#launch())
    else this.#launch()
  }

  #launch(): void {
    if (this.#mustEndFirst) this.#endFirst()
    else this.launch()
  }

  /** The socket is gone, or by the options of the next process two may not live side by side. */
  get #mustEndFirst(): boolean {
    return this.incumbent !== null && !(this.options.startFirst && this.holdings.isThere)
  }

  #endFirst(): void {
    this.forgetAttempts()
    this.waits.leave()
    this.#fold()
    this.leave('restart')
  }

  /** None serves any more. */
  #fold(): void {
    if (this.process === null) this.process = this.incumbent
    else this.retiree ??= this.incumbent
    this.incumbent = null
  }

  #forgetProcesses(): void {
    this.process = null
    this.incumbent = null
    this.retiree = null
    this.lingering.clear()
  }

  protected linger(process: ReferenceProcess | null): void {
    if (!process) return
    this.lingering.add(process)
    process.whenGone(() => this.lingering.delete(process))
  }

  /** Its group outlived the kill: nothing is started over it. Where another serves, that goes on. */
  #survive(): void {
    this.error = 'STILL_ALIVE'
    if (this.incumbent && this.step === 'clearing' && this.holdings.isThere) {
      this.linger(this.process)
      this.process = null
      this.keep()
      return
    }
    this.#fold()
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
    this.surroundings.gate.leave(this.passage)
    this.passage = null
  }
}
