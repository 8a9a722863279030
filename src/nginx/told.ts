import type { Child } from '../types/child.ts'
import { Absent } from './control/command.ts'

/** Tells what is wrong as the `error` event of a child: once, until all has been well again. */
export class Told {
  readonly #told = new Set<string>()
  #untold: Error | null = null

  /** With nobody to hear it, it waits for the first who does. Who leaves does not miss an nginx that left before. */
  tell(error: Error, child: Child | null): void {
    // An nginx that does not run does so for one reason now and for another one then.
    const what = error instanceof Absent ? error.code : error.message
    if (this.#told.has(what)) return
    if (!child || (error instanceof Absent && child.state === 'stopping')) {
      this.#untold = error
      return
    }
    this.#untold = null
    this.#told.add(what)
    child.reportError(error)
  }

  catchUp(child: Child): void {
    if (this.#untold) this.tell(this.#untold, child)
  }

  allIsWell(): void {
    this.#told.clear()
    this.#untold = null
  }
}
