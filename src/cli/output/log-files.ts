import { closeSync, constants, createWriteStream, fstatSync, openSync } from 'node:fs'
import { Socket } from 'node:net'
import { Writable } from 'node:stream'
import { messageOf } from '../../errors.ts'
import type { Clock } from '../../sys.ts'
import { within } from './stdout.ts'

/** The files that the output of children is appended to. */
export interface LogFiles {
  /** A stream for the path of a file, the same for all who name it; `null` for none. */
  open(file: unknown): Writable | null
  /** Opens all files anew, so that one that was moved away is let go. */
  reopen(): void
}

/** Those that somebody will close. */
export interface OpenLogFiles extends LogFiles {
  /** Resolves when all is written, or is not taken within a second. */
  close(clock: Clock): Promise<void>
}

const { O_APPEND, O_CREAT, O_NONBLOCK = 0, O_WRONLY } = constants
const LONGEST_CLOSE_MS = 1_000

/**
 * A stream to the end of a file. A named pipe without a reader is an error at once: to wait for one would keep a thread of
 * Node's, and the end of the command would wait for that thread.
 */
function append(file: string): Writable {
  const fd = openSync(file, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK, 0o640)
  try {
    return fstatSync(fd).isFIFO()
      ? new Socket({ fd, readable: false, writable: true })
      : createWriteStream(file, { fd })
  } catch (thrown) {
    closeSync(fd)
    throw thrown
  }
}

/** An appended file. What it cannot take is lost, and told of once. */
class Outlet extends Writable {
  readonly #file: string
  readonly #report: (line: string) => void
  #stream: Writable | null = null
  #isTold = false

  constructor(file: string, report: (line: string) => void) {
    super()
    this.#file = file
    this.#report = report
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.#stream ??= this.#open()
    if (this.#stream) this.#stream.write(chunk, () => done())
    else done()
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

  #open(): Writable | null {
    try {
      const stream = append(this.#file)
      return stream.on('error', (error) => {
        this.#fail(error)
        if (this.#stream === stream) this.#stream = null
      })
    } catch (thrown) {
      this.#fail(thrown)
      return null
    }
  }

  #fail(thrown: unknown): void {
    if (!this.#isTold) this.#report(`cannot write to ${this.#file}: ${messageOf(thrown)}`)
    this.#isTold = true
  }
}

/** Opens files when they are first written to. */
export function openLogFiles(report: (line: string) => void): OpenLogFiles {
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
    close: (clock) => {
      const ends = [...outlets.values()].map(
        (outlet) => new Promise<void>((resolve) => outlet.end(() => resolve())),
      )
      return within(clock, LONGEST_CLOSE_MS, Promise.all(ends))
    },
  }
}
