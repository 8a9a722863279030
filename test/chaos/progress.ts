import type { Result } from './chaos.ts'
import { milliseconds, quantile } from './table.ts'

const RARELY_MS = 10_000
const OFTEN_MS = 100

/** Prints the progress of a fault: on a terminal in one line that changes, elsewhere in a new line from time to time. */
export class Progress {
  readonly #out: NodeJS.WriteStream
  #printedAt = 0
  #open = false

  constructor(out: NodeJS.WriteStream) {
    this.#out = out
  }

  update(result: Result): void {
    const now = performance.now()
    const isLast = result.done === result.asked
    if (!isLast && now - this.#printedAt < (this.#out.isTTY ? OFTEN_MS : RARELY_MS)) return
    this.#printedAt = now
    const { asked, done, failures, name, times } = result
    const worst = milliseconds(quantile(times, 1))
    const text = `${name}: ${done} of ${asked}, ${failures.length} failed, worst ${worst}`
    if (!this.#out.isTTY) {
      this.line(text)
      return
    }
    this.#out.write(`\r\u001b[K${text.slice(0, this.#out.columns - 1)}`)
    this.#open = true
    if (isLast) this.line('')
  }

  /** Prints a separate line below the progress. */
  line(text: string): void {
    const start = this.#open ? '\n' : ''
    this.#open = false
    this.#out.write(text === '' ? start : `${start}${text}\n`)
  }
}
