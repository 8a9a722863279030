import { closeSync, constants, createWriteStream, fstatSync, openSync } from 'node:fs'
import { Socket } from 'node:net'
import { Writable } from 'node:stream'
import { messageOf } from '../../errors.ts'
import type { Clock } from '../../sys.ts'
import { resolvedWithin } from './stdout.ts'

/** The files to which the output of children is appended. */
export interface LogFiles {
  /** Returns the stream for a path, the same one for every child that names the path; `null` without a path. */
  open(file: unknown): Writable | null
  /** Opens all files again, so that files that were moved away are released. */
  reopen(): void
}

/** Log files that can be closed. */
export interface OpenLogFiles extends LogFiles {
  /** Resolves when everything is written, at the latest after a second. */
  close(clock: Clock): Promise<void>
}

/** Log files that discard everything. */
export const NO_LOG_FILES: LogFiles = { open: () => null, reopen: () => {} }

const { O_APPEND, O_CREAT, O_NONBLOCK = 0, O_WRONLY } = constants
const MAX_CLOSE_MS = 1_000

/**
 * Opens a file for appending. Throws at once for a named pipe without a reader: waiting for a reader would block one of
 * Node's threads, and the command could not exit before that thread.
 */
function openForAppend(file: string): Writable {
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

/** Appends to a file. Drops what the file cannot take, and reports that once. */
class LogFile extends Writable {
  readonly #file: string
  readonly #report: (line: string) => void
  #stream: Writable | null = null
  #isReported = false

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
    this.#isReported = false
  }

  #open(): Writable | null {
    try {
      const stream = openForAppend(this.#file)
      return stream.on('error', (error) => {
        this.#onError(error)
        if (this.#stream === stream) this.#stream = null
      })
    } catch (thrown) {
      this.#onError(thrown)
      return null
    }
  }

  #onError(thrown: unknown): void {
    if (!this.#isReported) this.#report(`cannot write to ${this.#file}: ${messageOf(thrown)}`)
    this.#isReported = true
  }
}

/** Creates log files. Each is opened at its first line. */
export function openLogFiles(report: (line: string) => void): OpenLogFiles {
  const files = new Map<string, LogFile>()
  return {
    open: (path) => {
      if (typeof path !== 'string') return null
      const file = files.get(path) ?? new LogFile(path, report)
      files.set(path, file)
      return file
    },
    reopen: () => {
      for (const file of files.values()) file.reopen()
    },
    close: (clock) => {
      const ends = [...files.values()].map(
        (file) => new Promise<void>((resolve) => file.end(() => resolve())),
      )
      return resolvedWithin(clock, MAX_CLOSE_MS, Promise.all(ends))
    },
  }
}
