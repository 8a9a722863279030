import type { Clock } from '../sys.ts'

const PULSE_MS = 50
/**
 * A pulse that is later than this says that the host was held up, and what timed out there may be well
 * (docs/hazards.md#h20).
 */
const LATE_MS = 200
/**
 * The monotonic clock stands still while a machine sleeps, and the other one does not (docs/hazards.md#h19).
 */
const APART_MS = 5_000

/** What one run of a check asks when it has failed. */
export interface StallWatch {
  /** Whether the host was blocked or suspended since the run began. */
  wasDisturbed(): boolean
  /** May be called more than once. */
  end(): void
}

/** Notices that the host itself stood still. One timer for all who listen, and none while nobody does. */
export class StallDetector {
  readonly #clock: Clock
  readonly #pulses = new Set<StallWatch>()
  #timer: unknown
  #at = 0
  /** How far the two clocks are apart. */
  #apart = 0
  #disturbances = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** From now on, until the pulse is ended. */
  listen(): StallWatch {
    if (this.#pulses.size === 0) this.#begin()
    else this.#look()
    const before = this.#disturbances
    const pulse: StallWatch = {
      wasDisturbed: () => {
        this.#look()
        return this.#disturbances > before
      },
      end: () => {
        if (this.#pulses.delete(pulse) && this.#pulses.size === 0) this.#clock.clearTimeout(this.#timer)
      },
    }
    this.#pulses.add(pulse)
    return pulse
  }

  #begin(): void {
    this.#at = this.#clock.now()
    this.#apart = this.#clock.date() - this.#at
    this.#again()
  }

  #again(): void {
    this.#timer = this.#clock.setTimeout(() => {
      this.#look()
      this.#again()
    }, PULSE_MS)
  }

  #look(): void {
    const now = this.#clock.now()
    const apart = this.#clock.date() - now
    const late = now - this.#at > PULSE_MS + LATE_MS
    if (late || Math.abs(apart - this.#apart) > APART_MS) this.#disturbances++
    this.#at = now
    this.#apart = apart
  }
}
