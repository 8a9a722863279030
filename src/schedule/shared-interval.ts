import type { Clock } from '../sys.ts'

interface Round {
  readonly visits: Set<() => void>
  timer: unknown
}

/**
 * One coarse timer for all who want to look at something every so often, and none while nobody does. A thousand
 * idle children cost one wake-up between them.
 */
export class SharedInterval {
  readonly #clock: Clock
  readonly #rounds = new Map<number, Round>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Calls `visit` every `ms` milliseconds until the returned function is called. */
  every(ms: number, visit: () => void): () => void {
    const round = this.#rounds.get(ms) ?? this.#begin(ms)
    round.visits.add(visit)
    return () => {
      round.visits.delete(visit)
      if (round.visits.size > 0 || this.#rounds.get(ms) !== round) return
      this.#clock.clearTimeout(round.timer)
      this.#rounds.delete(ms)
    }
  }

  #begin(ms: number): Round {
    const round: Round = { visits: new Set(), timer: null }
    const go = (): void => {
      round.timer = this.#clock.setTimeout(go, ms)
      for (const visit of [...round.visits]) visit()
    }
    round.timer = this.#clock.setTimeout(go, ms)
    this.#rounds.set(ms, round)
    return round
  }
}
