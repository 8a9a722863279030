import type { Child } from '../child.ts'

/** Tells what is wrong as the `error` event of a child: once, until all has been well again. */
export class Told {
  readonly #messages = new Set<string>()
  #untold: Error | null = null

  /** With nobody to hear it, it waits for the first who does. */
  tell(error: Error, child: Child | null): void {
    if (this.#messages.has(error.message)) return
    if (!child) {
      this.#untold = error
      return
    }
    this.#untold = null
    this.#messages.add(error.message)
    child.report(error)
  }

  catchUp(child: Child): void {
    if (this.#untold) this.tell(this.#untold, child)
  }

  allIsWell(): void {
    this.#messages.clear()
    this.#untold = null
  }
}
