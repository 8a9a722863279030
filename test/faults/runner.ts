import { type Case, nameOf } from './cases.ts'
import { judge } from './judge.ts'

export interface Result {
  readonly case: Case
  readonly reached: boolean
  readonly broken: string | null
}

/** An uncaught error, and the cases that were running. */
interface UncaughtError {
  readonly what: string
  readonly during: readonly Case[]
}

/** Runs several cases at once. Repeats a case alone if it failed or if an uncaught error may belong to it. */
export class Runner {
  readonly results: Result[] = []
  readonly #running = new Set<Case>()
  readonly #uncaught: UncaughtError[] = []
  #stopped = false
  readonly #onUncaught = (thrown: unknown): void => {
    const what = String((thrown as Error | null)?.stack ?? thrown)
    this.#uncaught.push({ what, during: [...this.#running] })
  }

  /** Runs all cases. Calls `onResult` after the first run of each case, not after a repetition. */
  async run(
    cases: readonly Case[],
    jobs: number,
    onResult: (result: Result) => void = () => {},
  ): Promise<void> {
    process.on('uncaughtException', this.#onUncaught)
    process.on('unhandledRejection', this.#onUncaught)
    try {
      const again = new Set<Case>()
      await this.#work(cases, jobs, (result) => {
        if (result.broken) again.add(result.case)
        else this.results.push(result)
        onResult(result)
      })
      for (const { during } of this.#uncaught.splice(0)) for (const suspect of during) again.add(suspect)
      await this.#work([...again], 1, (result) => {
        const earlier = this.results.findIndex((known) => known.case === result.case)
        if (earlier >= 0) this.results.splice(earlier, 1)
        this.results.push(result)
      })
    } finally {
      process.off('uncaughtException', this.#onUncaught)
      process.off('unhandledRejection', this.#onUncaught)
    }
  }

  /** Starts no further case. */
  stop(): void {
    this.#stopped = true
  }

  /** The failed cases, each with its name and what did not hold. */
  get failures(): string[] {
    return this.results.flatMap(({ case: failed, broken }) =>
      broken ? [`${nameOf(failed)}\n    ${broken}`] : [],
    )
  }

  async #work(cases: readonly Case[], jobs: number, onResult: (result: Result) => void): Promise<void> {
    const queue = [...cases]
    const worker = async (): Promise<void> => {
      for (let next = queue.shift(); next && !this.#stopped; next = queue.shift())
        onResult(await this.#one(next, jobs === 1))
    }
    await Promise.all(Array.from({ length: jobs }, worker))
  }

  async #one(given: Case, alone: boolean): Promise<Result> {
    this.#running.add(given)
    const { broken, reached } = await judge(given.scenario, given.injection)
    // Wait, because Node reports an unhandled rejection of the last turn in a later turn.
    await new Promise((resolve) => setTimeout(resolve, 5))
    this.#running.delete(given)
    const uncaught = alone ? this.#uncaught.splice(0)[0] : undefined
    return { case: given, reached, broken: uncaught ? `uncaught: ${uncaught.what}` : broken }
  }
}
