import { type Case, nameOf } from './cases.ts'
import { judge } from './judge.ts'

export interface Result {
  readonly case: Case
  readonly reached: boolean
  readonly broken: string | null
}

/** An error that nobody caught, and which cases were under way. */
interface Escape {
  readonly what: string
  readonly during: readonly Case[]
}

/** Runs cases, several at once; one that fails, or that an uncaught error may be of, is run once more by itself. */
export class Runner {
  readonly results: Result[] = []
  readonly #under = new Set<Case>()
  readonly #escapes: Escape[] = []
  #stopped = false
  readonly #onEscape = (thrown: unknown): void => {
    const what = String((thrown as Error | null)?.stack ?? thrown)
    this.#escapes.push({ what, during: [...this.#under] })
  }

  /** `onResult` is told of each case when its verdict is final, unless it has to be repeated. */
  async run(
    cases: readonly Case[],
    jobs: number,
    onResult: (result: Result) => void = () => {},
  ): Promise<void> {
    process.on('uncaughtException', this.#onEscape)
    process.on('unhandledRejection', this.#onEscape)
    try {
      const again = new Set<Case>()
      await this.#work(cases, jobs, (result) => {
        if (result.broken) again.add(result.case)
        else this.results.push(result)
        onResult(result)
      })
      for (const { during } of this.#escapes.splice(0)) for (const suspect of during) again.add(suspect)
      await this.#work([...again], 1, (result) => {
        const earlier = this.results.findIndex((known) => known.case === result.case)
        if (earlier >= 0) this.results.splice(earlier, 1)
        this.results.push(result)
      })
    } finally {
      process.off('uncaughtException', this.#onEscape)
      process.off('unhandledRejection', this.#onEscape)
    }
  }

  /** Ends after the cases that are under way. */
  stop(): void {
    this.#stopped = true
  }

  /** In the words of a report. */
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
    this.#under.add(given)
    const { broken, reached } = await judge(given.scenario, given.injection)
    // What was rejected in its last turn is told of in a later one.
    await new Promise((resolve) => setTimeout(resolve, 5))
    this.#under.delete(given)
    const escaped = alone ? this.#escapes.splice(0)[0] : undefined
    return { case: given, reached, broken: escaped ? `nobody caught: ${escaped.what}` : broken }
  }
}
