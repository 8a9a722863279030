/** Counts what is under way, and tells when nothing is. */
export class InFlight {
  #count = 0
  #onQuiet: (() => void)[] = []

  get count(): number {
    return this.#count
  }

  /** Something begins. */
  enter(): void {
    this.#count++
  }

  /** Something is over: once for each that has begun. */
  leave(): void {
    this.#count--
    if (this.#count > 0) return
    for (const onQuiet of this.#onQuiet.splice(0)) onQuiet()
  }

  /** Resolves when nothing is under way. */
  quiet(): Promise<void> {
    if (this.#count === 0) return Promise.resolve()
    return new Promise((resolve) => this.#onQuiet.push(resolve))
  }
}

/** Resolves when `wanted` does, or when the signal is aborted: whichever is first. */
export function unlessAborted(wanted: Promise<unknown>, signal: AbortSignal): Promise<unknown> {
  if (signal.aborted) return Promise.resolve()
  const aborted = new Promise<void>((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
  return Promise.race([wanted, aborted])
}
