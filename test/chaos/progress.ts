import type { Result } from './chaos.ts'
import { milliseconds, quantile } from './table.ts'

const RARELY_MS = 10_000
const OFTEN_MS = 100

/** Says how far a fault is: on one line that changes on a terminal, on a new line now and then elsewhere. */
export class Progress {
  readonly #out: NodeJS.WriteStream
  #told = 0
  #open = false

  constructor(out: NodeJS.WriteStream) {
    this.#out = out
  }

  tell(result: Result): void {
    const now = performance.now()
    const isLast = result.done === result.asked
    if (!isLast && now - this.#told < (this.#out.isTTY ? OFTEN_MS : RARELY_MS)) return
    this.#told = now
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

  /** A line of its own, under what is told of the progress. */
  line(text: string): void {
    const start = this.#open ? '\n' : ''
    this.#open = false
    this.#out.write(text === '' ? start : `${start}${text}\n`)
  }
}
