import type { Writable } from 'node:stream'
import { messageOf } from '../../errors.ts'
import type { Clock } from '../../sys.ts'
import { resolvedWithin } from './stdout.ts'

/** Drop lines while more than this waits to be written, so that a slow reader never delays a child. */
const MAX_WAITING_BYTES = 1024 * 1024
const MAX_FLUSH_MS = 1_000

/** Writes lines to a stream. Drops and counts lines that the stream cannot take, and writes the count later. */
export class LineWriter {
  readonly #out: Writable
  readonly #lostNotice: (lines: number, why: string) => string
  #lost = 0
  #why = ''

  /** `lostNotice` returns the line that reports lost lines. */
  constructor(out: Writable, lostNotice: (lines: number, why: string) => string) {
    this.#out = out
    this.#lostNotice = lostNotice
  }

  write(line: string): void {
    if (this.#isClosed) return
    if (this.#out.writableLength > MAX_WAITING_BYTES) this.#lose(1, 'the reader was too slow')
    else this.#out.write(`${line}\n`, this.#onWritten)
  }

  /** Resolves when everything is written or can no longer be written, at the latest after a second. */
  flush(clock: Clock): Promise<void> {
    if (this.#isClosed) return Promise.resolve()
    const flushed = new Promise<void>((resolve) => {
      this.#out.write('', () => resolve())
      this.#out.once('close', resolve)
    })
    return resolvedWithin(clock, MAX_FLUSH_MS, flushed)
  }

  get #isClosed(): boolean {
    return this.#out.destroyed || !this.#out.writable
  }

  // Pass the same function for all lines, because Node then calls it for many lines in one batch.
  readonly #onWritten = (error?: Error | null): void => {
    if (error) this.#lose(1, unwritten(error))
    else if (this.#lost > 0 && this.#out.writableLength === 0) this.#writeNotice()
  }

  #lose(lines: number, why: string): void {
    this.#lost += lines
    this.#why = why
  }

  #writeNotice(): void {
    const lost = this.#lost
    this.#lost = 0
    this.#out.write(`${this.#lostNotice(lost, this.#why)}\n`, (error) => {
      if (error) this.#lose(lost, unwritten(error))
    })
  }
}

const unwritten = (error: Error): string => `they could not be written: ${messageOf(error)}`
