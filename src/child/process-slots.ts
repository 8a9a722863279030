import type { Launch } from './launch.ts'

/** Which of a child's attempts: all, those that are cleared before another, or the one that was replaced. */
export type SlotGroup = 'all' | 'cleared' | 'retiree'

/** The attempts of one child that live side by side: one, or with `start-first` for a while two. */
export class ProcessSlots {
  /** It is being brought up, or it serves. */
  newest: Launch | null = null
  /** It serves while the newest is being brought up. */
  incumbent: Launch | null = null
  /** The newest has taken its place; it is still to be ended. */
  retiree: Launch | null = null
  /** They have survived their kill, while another serves. */
  readonly #lingering = new Set<Launch>()

  /** The one that serves, or else the one that is being brought up. */
  get main(): Launch | null {
    return this.incumbent ?? this.newest
  }

  get all(): Launch[] {
    const wanted = [this.newest, this.incumbent, this.retiree].filter((attempt) => attempt !== null)
    return [...wanted, ...this.#lingering]
  }

  /** Those that are of no use to anybody when an attempt has failed. */
  get useless(): Launch[] {
    return this.all.filter((attempt) => attempt !== this.incumbent)
  }

  /** Whether there is anything that may have to be ended. */
  get hold(): boolean {
    return this.all.some(({ process }) => process !== null)
  }

  /** Whether the one before still can serve, as far as is known. */
  get canFallBack(): boolean {
    return this.retiree?.process?.exit === null
  }

  /** Milliseconds of `full` that they have left, from the stop signal to the last of them on. */
  graceLeft(whom: SlotGroup, full: number, now: number): number {
    const asked = this.#those(whom).flatMap(({ process }) => (process ? [process.signalledAt ?? now] : []))
    return asked.length === 0 ? full : Math.max(0, Math.max(...asked) + full - now)
  }

  /** Whether something of them lives though it was killed so many milliseconds ago. */
  outliveKill(whom: SlotGroup, ms: number): boolean {
    return this.#those(whom).some(({ process }) => process?.outlivesKill(ms))
  }

  /** The process that serves goes on until the next one is ready. */
  setAside(): void {
    this.incumbent = this.newest
    this.newest = null
  }

  /** The next one did not come up: the process that serves stays. */
  keep(): void {
    this.newest = this.incumbent
    this.incumbent = null
  }

  /** The next one serves, or the one that did has ended by itself: that is still to be ended, with all that it has left. */
  promote(): void {
    this.retiree ??= this.incumbent
    this.incumbent = null
  }

  /** The newest does not serve after all. */
  fallBack(): void {
    this.incumbent = this.retiree
    this.retiree = null
  }

  /** None of them serves any more: all are to be ended. */
  abandon(): void {
    if (this.newest === null) this.newest = this.incumbent
    else this.promote()
    this.incumbent = null
  }

  /** It has survived its kill: nobody waits for it but the stop of the child. */
  linger(attempt: Launch | null): void {
    if (!attempt?.process) return
    this.#lingering.add(attempt)
    void attempt.process.whenGone().then(() => this.#lingering.delete(attempt))
  }

  /** Nothing lives of what was replaced, or it lingers. */
  retired(): void {
    this.retiree = null
  }

  #those(whom: SlotGroup): readonly Launch[] {
    if (whom === 'all' || (whom === 'cleared' && this.incumbent === null)) return this.all
    const one = whom === 'cleared' ? this.newest : this.retiree
    return one ? [one] : []
  }

  forget(): void {
    this.newest = null
    this.incumbent = null
    this.retiree = null
    this.#lingering.clear()
  }
}

/** Pids of what lives of them. */
export const survivorsOf = (attempts: readonly Launch[]): number[] =>
  attempts.flatMap(({ process }) => process?.survivors() ?? [])
