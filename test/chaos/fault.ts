/** The source of all random choices of an injection. The same seed gives the same choices. */
export interface Rng {
  /** Returns a number >= 0 and < 1. */
  random(): number
  /** Returns an integer from `min` to `max`, both included. */
  int(min: number, max: number): number
  pick<Item>(items: readonly Item[]): Item
}

/** A real fault, and the guarantees that must hold in spite of it. */
export interface Fault {
  /** A clause that says what happens, such as `the host is killed by SIGKILL`. `--only` selects faults by it. */
  readonly name: string
  /** Number of injections in the full run. */
  readonly times: number
  /** Number of injections in the short run of `npm test`. */
  readonly short: number
  /** Number of injections that may run at the same time. @default 1 */
  readonly atOnce?: number
  /** Returns why the fault cannot run on this machine; `null` if it can. */
  missing?(): string | null
  /**
   * Injects the fault once, with the given random choices. Resolves with the milliseconds until the guarantee was met, or
   * with nothing if no time is guaranteed. Rejects with what did not hold. Leaves nothing behind in either case.
   */
  inject(rng: Rng): Promise<number | undefined> | Promise<void>
  /** Frees the resources that the injections share. */
  close?(): Promise<void>
}
