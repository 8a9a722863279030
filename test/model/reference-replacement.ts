import type { ModelOptions } from './options.ts'
import { ReferenceAttempt } from './reference-attempt.ts'
import { graceLeft, type ReferenceProcess } from './reference-process.ts'
import { failed } from './reference-waits.ts'

const KILL_MS = 5_000

/** How one process takes the place of another that serves until then (docs/pools.md). */
export abstract class ReferenceReplacement extends ReferenceAttempt {
  restarts = 0
  crashes = 0
  /** The process that was to be replaced goes on. */
  protected kept = false
  #optionsOfIncumbent: ModelOptions = this.inForce

  protected abstract onReady(): void

  /** Whether the next process may come up while this one serves. */
  get canReplace(): boolean {
    const { inForce, holdings, options, process } = this
    return inForce.startFirst && options.startFirst && holdings.isThere && process?.exited === false
  }

  /** From the decision on until the old process is gone, somebody serves. */
  get isReplacing(): boolean {
    return this.state === 'restart' && (this.incumbent !== null || this.step === 'retiring')
  }

  replace(): void {
    this.restarts++
    this.forgetAttempts()
    this.incumbent = this.process
    this.#optionsOfIncumbent = this.inForce
    this.process = null
    this.move('restart')
    this.clear()
  }

  /** The old process has ended by itself: the child is brought up as after any crash. */
  lose(): void {
    this.crashes++
    const { maxRestarts, restartTolerance } = this.inForce
    this.record.crash(this.time.now, restartTolerance, maxRestarts)
    this.forgetAttempts()
    this.retiree = this.incumbent
    this.incumbent = null
    this.waits.leave()
    this.clear()
  }

  protected override keep(): void {
    this.enter('resting')
    this.process = this.incumbent
    this.incumbent = null
    this.inForce = this.#optionsOfIncumbent
    this.restarts--
    this.kept = true
    this.onReady()
    this.kept = false
    this.tell([`error ${failed(this.error)}`])
  }

  protected override onArrived(): void {
    this.holdings.confirm()
    this.record.readyAt = this.time.now
    if (this.incumbent) this.#retire(this.incumbent)
    else this.onReady()
  }

  /** What was connected to the old process already gets a moment; then it is asked to end. */
  #retire(old: ReferenceProcess): void {
    this.retiree = old
    this.incumbent = null
    this.#askRetired(old)
  }

  #askRetired(old: ReferenceProcess): void {
    const left = (): number => graceLeft([old], this.inForce.stopTimeout * 1_000, this.time.now)
    const isCurrent = this.enter('retiring', left(), () =>
      left() <= 1 ? this.#killRetired(old) : this.#askRetired(old),
    )
    const then = (): void => (isCurrent() ? this.#retired() : undefined)
    this.time.pauses.push(() => (isCurrent() ? old.terminate(then) : undefined))
  }

  #killRetired(old: ReferenceProcess): void {
    const isCurrent = this.enter('retiring', KILL_MS, () => {
      if (!old.outlivesKill) return this.#killRetired(old)
      this.linger(old)
      this.tell([`error ${failed('STILL_ALIVE')}`])
      this.#retired()
    })
    old.kill()
    old.whenGone(() => (isCurrent() ? this.#retired() : undefined))
  }

  #retired(): void {
    this.retiree = null
    if (this.outdated) this.replace()
    else {
      this.enter('resting')
      this.record.readyAt = this.time.now
      this.onReady()
    }
  }
}
