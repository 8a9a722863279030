import type { ChildState, Exit } from '../../src/events.ts'
import type { ModelOptions } from './options.ts'
import { type Kind, ReferenceFailures } from './reference-failures.ts'
import { ReferenceHoldings } from './reference-holdings.ts'
import type { ReferenceProcess } from './reference-process.ts'
import { ReferenceRecord } from './reference-record.ts'
import type { Passage, Plan, ReferenceTime } from './reference-time.ts'
import { ReferenceWaits } from './reference-waits.ts'
import type { Surroundings } from './surroundings.ts'

/** What goes on inside a state. */
export type Step = 'resting' | 'clearing' | 'waiting' | 'launching' | 'readying' | 'terminating' | 'killing'

const KILL_MS = 5_000

/** How a child is brought down, and what is between two attempts. What a step is for is decided by the state. */
export abstract class ReferenceSteps {
  readonly name: string
  state: ChildState = 'stopped'
  step: Step = 'resting'
  options: ModelOptions
  inForce: ModelOptions
  process: ReferenceProcess | null = null
  error = ''
  faultedAt = 0
  readonly record = new ReferenceRecord()
  /** What its listeners hear, in order. */
  readonly trace: string[] = []
  readonly surroundings: Surroundings
  readonly time: ReferenceTime
  readonly waits: ReferenceWaits
  #failures = new ReferenceFailures()
  protected readonly holdings: ReferenceHoldings
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

  get address(): number | null {
    return this.holdings.address
  }

  abstract hear(input: 'gone' | 'changed', exit?: Exit): void
  protected abstract onLeft(): void
  protected abstract launch(): void
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
    this.#clear()
  }

  forgetAttempts(): void {
    this.#failures = new ReferenceFailures()
  }

  leave(state: 'stopping' | 'restart'): void {
    this.move(state)
    const isCurrent = this.enter('terminating', this.inForce.stopTimeout * 1_000, () =>
      this.killLeaving(state),
    )
    this.#leaveGate()
    const then = (): void => (isCurrent() ? this.#left() : undefined)
    if (this.process) this.process.terminate(then)
    else this.time.soon(then)
  }

  killLeaving(state: 'stopping' | 'restart'): void {
    this.move(state)
    this.#kill('killing', () => this.#left())
  }

  fault(code: string): void {
    this.error = code
    this.faultedAt = this.time.now
    this.move('faulted')
    this.#clear()
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
    this.process?.kill()
    this.release()
  }

  protected enter(step: Step, ms?: number, onLate: () => void = () => {}): () => boolean {
    const turn = ++this.turn
    this.step = step
    this.time.callOff(this.deadline)
    this.deadline = ms === undefined ? null : this.time.after(ms, onLate)
    return () => turn === this.turn
  }

  #kill(step: 'clearing' | 'killing', then: () => void): void {
    const isCurrent = this.enter(step, KILL_MS, () => this.#survive())
    this.#leaveGate()
    const whenGone = (): void => (isCurrent() ? then() : undefined)
    this.process?.kill()
    if (this.process) this.process.whenGone(whenGone)
    else this.time.soon(whenGone)
  }

  #clear(): void {
    this.#kill('clearing', () => {
      this.process = null
      const wait = this.#failures.pause(this.record.streak, this.surroundings.random)
      if (this.state === 'faulted') this.enter('resting')
      else if (this.#failures.isOver(this.inForce.attempts)) this.fault(this.error)
      else if (wait > 0) this.enter('waiting', wait, () => this.launch())
      else this.launch()
    })
  }

  /** Its group outlived the kill: nothing is started over it. */
  #survive(): void {
    this.error = 'STILL_ALIVE'
    if (this.state !== 'faulted') this.faultedAt = this.time.now
    this.enter('resting')
    this.move('faulted')
  }

  #left(): void {
    this.process = null
    if (this.state === 'restart') this.#clear()
    else this.onLeft()
  }

  protected fail(code: string, kind: Kind): void {
    this.#failures.add(kind)
    this.error = code
    if (kind === 'address') this.holdings.releaseAddress()
    this.#clear()
  }

  #leaveGate(): void {
    this.surroundings.gate.leave(this.passage)
    this.passage = null
  }
}
