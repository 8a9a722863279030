import type { ModelOptions } from './options.ts'
import { ReferenceAttempt } from './reference-attempt.ts'
import { graceLeft, type ReferenceProcess } from './reference-process.ts'
import { failed } from './reference-waits.ts'

const KILL_MS = 5_000

/** Predicts how the next process takes over while the old one serves (docs/pools.md). */
export abstract class ReferenceReplacement extends ReferenceAttempt {
  restarts = 0
  crashes = 0
  /** True if the replacement failed and the old process goes on. */
  protected kept = false
  #oldOptions: ModelOptions = this.inForce

  protected abstract onReady(): void

  /** True if the next process may start while this one serves. */
  get canReplace(): boolean {
    const { inForce, holdings, options, process } = this
    return inForce.startFirst && options.startFirst && holdings.socketExists && process?.exited === false
  }

  /** True if a replacement is in progress, from the decision until the old process is gone. A process serves all this time. */
  get isReplacing(): boolean {
    return this.state === 'restart' && (this.oldProcess !== null || this.step === 'retiring')
  }

  replace(): void {
    this.restarts++
    this.forgetAttempts()
    this.oldProcess = this.process
    this.#oldOptions = this.inForce
    this.process = null
    this.move('restart')
    this.clear()
  }

  /** Handles the exit of the old process. The child starts as after any crash. */
  loseOldProcess(): void {
    this.crashes++
    const { maxRestarts, restartTolerance } = this.inForce
    this.history.crash(this.time.now, restartTolerance, maxRestarts)
    this.forgetAttempts()
    this.retiredProcess = this.oldProcess
    this.oldProcess = null
    this.waits.forgetReady()
    this.clear()
  }

  protected override keep(): void {
    this.enter('resting')
    this.process = this.oldProcess
    this.oldProcess = null
    this.inForce = this.#oldOptions
    this.restarts--
    this.kept = true
    this.onReady()
    this.kept = false
    this.emit([`error ${failed(this.error)}`])
  }

  protected override onArrived(): void {
    this.holdings.commit()
    this.history.readyAt = this.time.now
    if (this.oldProcess) this.#retire(this.oldProcess)
    else this.onReady()
  }

  /** Gives the clients of the old process a moment, then asks that process to stop. */
  #retire(old: ReferenceProcess): void {
    this.retiredProcess = old
    this.oldProcess = null
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
      this.keepSurvivor(old)
      this.emit([`error ${failed('STILL_ALIVE')}`])
      this.#retired()
    })
    old.kill()
    old.whenGone(() => (isCurrent() ? this.#retired() : undefined))
  }

  #retired(): void {
    this.retiredProcess = null
    if (this.outdated) this.replace()
    else {
      this.enter('resting')
      this.history.readyAt = this.time.now
      this.onReady()
    }
  }
}
