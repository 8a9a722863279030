import { createWriteStream, type WriteStream } from 'node:fs'
import { Writable } from 'node:stream'
import { messageOf } from '../errors.ts'

/** The files that the output of children is appended to. */
export interface Outlets {
  /** A stream for the path of a file, the same for all who name it; `null` for none. */
  open(file: unknown): Writable | null
  /** Opens all files anew, so that one that was moved away is let go. */
  reopen(): void
}

/** An appended file. What it cannot take is lost, and told of once. */
class Outlet extends Writable {
  readonly #file: string
  readonly #report: (line: string) => void
  #stream: WriteStream | null = null
  #isTold = false

  constructor(file: string, report: (line: string) => void) {
    super()
    this.#file = file
    this.#report = report
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.#stream ??= this.#open()
    this.#stream.write(chunk, () => done())
  }

  override _final(done: () => void): void {
    if (this.#stream) this.#stream.end(done)
    else done()
  }

  reopen(): void {
    this.#stream?.end()
    this.#stream = null
    this.#isTold = false
  }

  #open(): WriteStream {
    const stream = createWriteStream(this.#file, { flags: 'a', mode: 0o640 })
    stream.on('error', (error) => {
      if (!this.#isTold) this.#report(`cannot write to ${this.#file}: ${messageOf(error)}`)
      this.#isTold = true
      if (this.#stream === stream) this.#stream = null
    })
    return stream
  }
}

/** Opens files when they are first written to. */
export function newOutlets(report: (line: string) => void): Outlets {
  const outlets = new Map<string, Outlet>()
  return {
    open: (file) => {
      if (typeof file !== 'string') return null
      const outlet = outlets.get(file) ?? new Outlet(file, report)
      outlets.set(file, outlet)
      return outlet
    },
    reopen: () => {
      for (const outlet of outlets.values()) outlet.reopen()
    },
  }
}
