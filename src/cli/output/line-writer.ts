import type { Writable } from 'node:stream'
import { messageOf } from '../../errors.ts'
import type { Clock } from '../../sys.ts'
import { within } from './stdout.ts'

/** A reader who lags further behind misses lines; a child is never made to wait. */
const MOST_WAITING_BYTES = 1024 * 1024
const LONGEST_FLUSH_MS = 1_000

/** Lines on their way into a stream. What it cannot take is lost, counted, and told of once it takes something again. */
export class LineWriter {
  readonly #out: Writable
  readonly #notice: (lines: number, why: string) => string
  #lost = 0
  #why = ''

  /** `notice` makes the line that tells of lost ones. */
  constructor(out: Writable, notice: (lines: number, why: string) => string) {
    this.#out = out
    this.#notice = notice
  }

  write(line: string): void {
    if (this.#isGone) return
    if (this.#out.writableLength > MOST_WAITING_BYTES) this.#lose(1, 'they were not read in time')
    else this.#out.write(`${line}\n`, this.#onWritten)
  }

  /** Resolves when all is written, cannot be, or is not read within a second. */
  flush(clock: Clock): Promise<void> {
    if (this.#isGone) return Promise.resolve()
    const flushed = new Promise<void>((resolve) => {
      this.#out.write('', () => resolve())
      this.#out.once('close', resolve)
    })
    return within(clock, LONGEST_FLUSH_MS, flushed)
  }

  get #isGone(): boolean {
    return this.#out.destroyed || !this.#out.writable
  }

  // One for all lines: Node then calls it for many of them in one go.
  readonly #onWritten = (error?: Error | null): void => {
    if (error) this.#lose(1, unwritten(error))
    else if (this.#lost > 0 && this.#out.writableLength === 0) this.#tell()
  }

  #lose(lines: number, why: string): void {
    this.#lost += lines
    this.#why = why
  }

  #tell(): void {
    const lost = this.#lost
    this.#lost = 0
    this.#out.write(`${this.#notice(lost, this.#why)}\n`, (error) => {
      if (error) this.#lose(lost, unwritten(error))
    })
  }
}

const unwritten = (error: Error): string => `they could not be written: ${messageOf(error)}`
