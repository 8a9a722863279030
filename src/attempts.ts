import type { Attempt } from './attempt.ts'

/** The attempts of one child that live side by side: one, or with `start-first` for a while two. */
export class Attempts {
  /** It is being brought up, or it serves. */
  newest: Attempt | null = null
  /** It serves while the newest is being brought up. */
  incumbent: Attempt | null = null
  /** The newest has taken its place; it is still to be ended. */
  retiree: Attempt | null = null

  /** The one that serves, or else the one that is being brought up. */
  get main(): Attempt | null {
    return this.incumbent ?? this.newest
  }

  get all(): Attempt[] {
    return [this.newest, this.incumbent, this.retiree].filter((attempt) => attempt !== null)
  }

  /** Those that are of no use to anybody when an attempt has failed. */
  get useless(): Attempt[] {
    return this.all.filter((attempt) => attempt !== this.incumbent)
  }

  setAside(): void {
    this.incumbent = this.newest
    this.newest = null
  }

  keep(): void {
    this.newest = this.incumbent
    this.incumbent = null
  }

  promote(): void {
    this.retiree ??= this.incumbent
    this.incumbent = null
  }

  forget(): void {
    this.newest = null
    this.incumbent = null
    this.retiree = null
  }
}

/** Pids of what lives of them. */
export const survivorsOf = (attempts: readonly Attempt[]): number[] =>
  attempts.flatMap(({ process }) => process?.survivors() ?? [])
