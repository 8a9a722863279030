import { parseDuration } from '../options/units.ts'
import type { Sys } from '../sys.ts'
import type { CheckInfo } from '../types/child.ts'
import type { Check } from '../types/plugin.ts'
import type { StallDetector, StallWatch } from './stall-detector.ts'
import { UNKNOWN, type Verdict, verdictOf, verdictOfThrown } from './verdict.ts'

/** Whom a check tells what it finds. */
export interface CheckListener {
  /** It has failed `retries` times in a row, or as many times more. */
  unhealthy(reason: string): void
  /** It could not look, for that reason; null when it could again. */
  untold(why: string | null): void
}

/** What all checks of a spinner share. */
export interface RunnerContext {
  readonly sys: Sys
  readonly stallDetector: StallDetector
}

const NOT_YET: CheckInfo = Object.freeze({ at: null, failures: 0, reason: null, figures: null })

/**
 * Runs one check over and over. The next run is timed from the end of the last, so that a slow one never
 * piles up (docs/hazards.md#h21).
 */
export class CheckRunner {
  /** What was found last. */
  info: CheckInfo = NOT_YET
  readonly #ground: RunnerContext
  readonly #check: Check
  readonly #run: (signal: AbortSignal) => unknown
  readonly #told: CheckListener
  #closed = false
  #timer: unknown
  /** Ends the run that is under way. */
  #end: () => void = () => {}

  constructor(
    ground: RunnerContext,
    check: Check,
    run: (signal: AbortSignal) => unknown,
    told: CheckListener,
  ) {
    this.#ground = ground
    this.#check = check
    this.#run = run
    this.#told = told
    this.#again()
  }

  /** Nothing is told from now on. */
  close(): void {
    this.#closed = true
    this.#ground.sys.clock.clearTimeout(this.#timer)
    this.#end()
  }

  #again(): void {
    if (this.#closed) return
    const ms = (parseDuration(this.#check.interval) as number) * 1_000
    this.#timer = this.#ground.sys.clock.setTimeout(() => void this.#look(), ms)
  }

  async #look(): Promise<void> {
    const ending = new AbortController()
    const pulse = this.#ground.stallDetector.listen()
    this.#end = () => {
      pulse.end()
      ending.abort()
    }
    const verdict = await this.#ask(ending.signal, pulse)
    pulse.end()
    if (this.#closed) return
    this.#take(verdict)
    this.#again()
  }

  async #ask(signal: AbortSignal, pulse: StallWatch): Promise<Verdict> {
    try {
      return verdictOf(await this.#run(signal))
    } catch (thrown) {
      // What came in meanwhile may show that it was the host that was late, and not the child.
      await this.#ground.sys.nextTurn()
      await this.#ground.sys.nextTurn()
      return pulse.wasDisturbed() ? UNKNOWN : verdictOfThrown(thrown)
    }
  }

  #take(verdict: Verdict): void {
    if (verdict.is === 'untold') {
      if (verdict.why !== null) this.#told.untold(verdict.why)
      return
    }
    const { figures } = verdict
    const reason = verdict.is === 'failed' ? verdict.reason : null
    const failures = reason === null ? 0 : this.info.failures + 1
    const at = new Date(this.#ground.sys.clock.date())
    this.info = Object.freeze({ at, failures, reason, figures })
    this.#told.untold(null)
    if (reason !== null && failures % this.#check.retries === 0) this.#told.unhealthy(reason)
  }
}
