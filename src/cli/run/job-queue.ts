/** Runs jobs one after another. A job with the name of a waiting job is dropped, because the waiting one does the same. */
export class JobQueue {
  readonly #waiting = new Map<string, () => Promise<void>>()
  readonly #onError: (thrown: unknown) => void
  readonly #onIdle: () => void
  #isBusy = false
  #isClosed = false

  constructor(onError: (thrown: unknown) => void, onIdle: () => void) {
    this.#onError = onError
    this.#onIdle = onIdle
  }

  get isBusy(): boolean {
    return this.#isBusy
  }

  add(name: string, job: () => Promise<void>): void {
    if (this.#isClosed) return
    if (!this.#waiting.has(name)) this.#waiting.set(name, job)
    if (!this.#isBusy) void this.#run()
  }

  /** Drops the waiting jobs and accepts no more. */
  close(): void {
    this.#isClosed = true
    this.#waiting.clear()
  }

  async #run(): Promise<void> {
    this.#isBusy = true
    for (const [name, job] of this.#waiting) {
      this.#waiting.delete(name)
      try {
        await job()
      } catch (thrown) {
        if (!this.#isClosed) this.#onError(thrown)
      }
    }
    this.#isBusy = false
    this.#onIdle()
  }
}
