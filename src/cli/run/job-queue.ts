/** Runs jobs one after another. One that waits already is not queued again: its wish is as good for both. */
export class JobQueue {
  readonly #waiting = new Map<string, () => Promise<void>>()
  readonly #failed: (thrown: unknown) => void
  readonly #idle: () => void
  #isBusy = false
  #isOver = false

  constructor(failed: (thrown: unknown) => void, idle: () => void) {
    this.#failed = failed
    this.#idle = idle
  }

  get isBusy(): boolean {
    return this.#isBusy
  }

  add(name: string, job: () => Promise<void>): void {
    if (this.#isOver) return
    if (!this.#waiting.has(name)) this.#waiting.set(name, job)
    if (!this.#isBusy) void this.#work()
  }

  /** Nothing that waits begins any more. */
  end(): void {
    this.#isOver = true
    this.#waiting.clear()
  }

  async #work(): Promise<void> {
    this.#isBusy = true
    for (const [name, job] of this.#waiting) {
      this.#waiting.delete(name)
      try {
        await job()
      } catch (thrown) {
        if (!this.#isOver) this.#failed(thrown)
      }
    }
    this.#isBusy = false
    this.#idle()
  }
}
