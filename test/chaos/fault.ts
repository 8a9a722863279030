/** Where every random choice of an injection comes from: the same seed, the same choices. */
export interface Luck {
  /** At least 0, below 1. */
  random(): number
  /** From `min` to `max`, both included. */
  int(min: number, max: number): number
  pick<Item>(items: readonly Item[]): Item
}

/** Something that goes wrong for real, and what must hold all the same. */
export interface Fault {
  /** In the words of a sentence: `the host is killed by SIGKILL`. */
  readonly name: string
  /** How often in the full run. */
  readonly times: number
  /** How often in the short run that is part of the tests. */
  readonly short: number
  /** How many may be under way at once. @default 1 */
  readonly atOnce?: number
  /** Why it cannot be run on this machine; `null` when it can. */
  missing?(): string | null
  /**
   * Once in ever another way. Resolves with the milliseconds that what is promised took, or with nothing where no time
   * is promised; rejects, with what did not hold, when a promise was broken. Leaves nothing behind in either case.
   */
  inject(luck: Luck): Promise<number | undefined> | Promise<void>
  /** Frees what injections share. */
  close?(): Promise<void>
}
