import type { Child, Target } from '../../src/index.ts'
import { greetingAt } from './listening.ts'
import { mustHold } from './world.ts'

const ASKERS = 2

/** Sends requests to the target of a child in a loop, without any pause. */
export class RequestLoop {
  /** While true, a request may fail, because the process that serves was killed or asked to stop. */
  mayFail = false
  readonly #target: Target
  readonly #askers: Promise<void>[]
  #answers = 0
  #broken = ''
  #over = false

  constructor(child: Child) {
    this.#target = child.target as Target
    this.#askers = Array.from({ length: ASKERS }, () => this.#ask())
  }

  async #ask(): Promise<void> {
    while (!this.#over) {
      const couldFail = this.mayFail
      const greeting = await greetingAt(this.#target)
      if (/^child \d+$/.test(greeting)) this.#answers++
      else if (!couldFail && !this.mayFail) this.#broken ||= `a request got the response '${greeting}'`
    }
  }

  /** Throws if a request failed that had to succeed. */
  mustHold(what: string): void {
    mustHold(this.#broken === '', `${what}: ${this.#broken}, after ${this.#answers} good responses`)
  }

  async end(): Promise<void> {
    this.#over = true
    await Promise.all(this.#askers)
  }
}
