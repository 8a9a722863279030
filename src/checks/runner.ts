import { parseDuration } from '../options/units.ts'
import type { Sys } from '../sys.ts'
import type { CheckInfo } from '../types/child.ts'
import type { Check } from '../types/plugin.ts'
import type { StallDetector, StallWatch } from './stall-detector.ts'
import { UNKNOWN_VERDICT, type Verdict, verdictOf, verdictOfThrown } from './verdict.ts'

/** Receives the results of a check. */
export interface CheckListener {
  /** Called after `retries` failures in a row, and again after each further `retries` failures. */
  unhealthy(reason: string): void
  /** Called with the reason if the check could not examine the child, and with null when it can again. */
  unknown(reason: string | null): void
}

/** Tools that all checks of a spinner share. */
export interface RunnerContext {
  readonly sys: Sys
  readonly stallDetector: StallDetector
}

const NOT_RUN_YET: CheckInfo = Object.freeze({ at: null, failures: 0, reason: null, figures: null })

/**
 * Runs one check repeatedly. The interval begins at the end of a run, so that slow runs never overlap
 * (docs/hazards.md#h21).
 */
export class CheckRunner {
  /** Result of the last run that counted. */
  info: CheckInfo = NOT_RUN_YET
  readonly #context: RunnerContext
  readonly #check: Check
  readonly #run: (signal: AbortSignal) => unknown
  readonly #listener: CheckListener
  #isClosed = false
  #timer: unknown
  #abortRun: () => void = () => {}

  constructor(
    context: RunnerContext,
    check: Check,
    run: (signal: AbortSignal) => unknown,
    listener: CheckListener,
  ) {
    this.#context = context
    this.#check = check
    this.#run = run
    this.#listener = listener
    this.#scheduleNext()
  }

  /** Stops the check and aborts the current run. The listener is not called after this. */
  close(): void {
    this.#isClosed = true
    this.#context.sys.clock.clearTimeout(this.#timer)
    this.#abortRun()
  }

  #scheduleNext(): void {
    if (this.#isClosed) return
    const ms = (parseDuration(this.#check.interval) as number) * 1_000
    this.#timer = this.#context.sys.clock.setTimeout(() => void this.#runOnce(), ms)
  }

  async #runOnce(): Promise<void> {
    const aborter = new AbortController()
    const stallWatch = this.#context.stallDetector.watch()
    this.#abortRun = () => {
      stallWatch.end()
      aborter.abort()
    }
    const verdict = await this.#verdict(aborter.signal, stallWatch)
    stallWatch.end()
    if (this.#isClosed) return
    this.#apply(verdict)
    this.#scheduleNext()
  }

  async #verdict(signal: AbortSignal, stallWatch: StallWatch): Promise<Verdict> {
    try {
      return verdictOf(await this.#run(signal))
    } catch (thrown) {
      // Let waiting timers and events run first: they may show that the host was late, and not the child.
      await this.#context.sys.nextTurn()
      await this.#context.sys.nextTurn()
      return stallWatch.hasStalled() ? UNKNOWN_VERDICT : verdictOfThrown(thrown)
    }
  }

  #apply(verdict: Verdict): void {
    if (verdict.is === 'unknown') {
      if (verdict.reason !== null) this.#listener.unknown(verdict.reason)
      return
    }
    const { figures } = verdict
    const reason = verdict.is === 'unhealthy' ? verdict.reason : null
    const failures = reason === null ? 0 : this.info.failures + 1
    const at = new Date(this.#context.sys.clock.date())
    this.info = Object.freeze({ at, failures, reason, figures })
    this.#listener.unknown(null)
    if (reason !== null && failures % this.#check.retries === 0) this.#listener.unhealthy(reason)
  }
}
