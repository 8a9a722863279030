/** Counts what is in flight, and reports when nothing is. */
export class InFlight {
  #count = 0
  #onIdle: (() => void)[] = []

  /** Counts one more. */
  enter(): void {
    this.#count++
  }

  /** Counts one less. Call this exactly once for each `enter`. */
  leave(): void {
    this.#count--
    if (this.#count > 0) return
    for (const onIdle of this.#onIdle.splice(0)) onIdle()
  }

  /** Resolves when nothing is in flight. */
  whenIdle(): Promise<void> {
    if (this.#count === 0) return Promise.resolve()
    return new Promise((resolve) => this.#onIdle.push(resolve))
  }
}

/** Resolves when `promise` resolves or `signal` is aborted, whichever comes first. */
export function unlessAborted(promise: Promise<unknown>, signal: AbortSignal): Promise<unknown> {
  if (signal.aborted) return Promise.resolve()
  const aborted = new Promise<void>((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
  return Promise.race([promise, aborted])
}
