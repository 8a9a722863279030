import type { Child, Target } from '../../src/index.ts'
import { greetingAt } from './who-listens.ts'
import { mustHold } from './world.ts'

const ASKERS = 2

/** Asks whoever listens at a target, over and over, and never waits for anything else. */
export class Asking {
  /** From now on an answer may fail to come: who would give it was killed, or told to end. */
  excused = false
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
      const wasExcused = this.excused
      const greeting = await greetingAt(this.#target)
      if (/^child \d+$/.test(greeting)) this.#answers++
      else if (!wasExcused && !this.excused) this.#broken ||= `a request was answered with '${greeting}'`
    }
  }

  /** Nothing has failed that was not excused. */
  mustHold(what: string): void {
    mustHold(this.#broken === '', `${what}: ${this.#broken}, after ${this.#answers} answers`)
  }

  async end(): Promise<void> {
    this.#over = true
    await Promise.all(this.#askers)
  }
}
