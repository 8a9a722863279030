import type { Readable, Writable } from 'node:stream'
import { StringDecoder } from 'node:string_decoder'

import { caught } from '../emitter.ts'

/** A line longer than this is cut into pieces, so that output without a newline cannot fill the host. */
export const LONGEST_LINE: number = 64 * 1024
const MOST_LINES = 100
const MOST_CHARACTERS = 256 * 1024
/** A sink that lags further behind than this misses output; the child is never made to wait for it. */
const MOST_WAITING_BYTES = 1024 * 1024

/** Cuts chunks into lines. Characters that straddle two chunks stay whole. */
export class LineSplitter {
  readonly #decoder = new StringDecoder('utf8')
  readonly #onLine: (line: string) => void
  #rest = ''

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine
  }

  write(chunk: Buffer): void {
    const lines = (this.#rest + this.#decoder.write(chunk)).split('\n')
    this.#rest = lines.pop() ?? ''
    for (const line of lines) this.#give(line.endsWith('\r') ? line.slice(0, -1) : line)
    while (this.#rest.length > LONGEST_LINE) {
      this.#give(this.#rest.slice(0, LONGEST_LINE))
      this.#rest = this.#rest.slice(LONGEST_LINE)
    }
  }

  end(): void {
    const rest = this.#rest + this.#decoder.end()
    this.#rest = ''
    if (rest !== '') this.#give(rest)
  }

  #give(line: string): void {
    for (let start = 0; start === 0 || start < line.length; start += LONGEST_LINE) {
      this.#onLine(line.length > LONGEST_LINE ? line.slice(start, start + LONGEST_LINE) : line)
    }
  }
}

/** The last lines, bounded in number and in size. */
export class LineBuffer {
  readonly #lines: string[] = []
  #characters = 0

  push(line: string): void {
    this.#lines.push(line)
    this.#characters += line.length
    while (this.#lines.length > MOST_LINES || this.#characters > MOST_CHARACTERS) {
      this.#characters -= (this.#lines.shift() as string).length
    }
  }

  /** Oldest first. */
  last(count: number = MOST_LINES): string[] {
    return this.#lines.slice(-count)
  }
}

interface Sink {
  broken: boolean
}

/**
 * What is known of the streams that users gave us. Many children share one stream, so it gets one `error`
 * listener from us and not one a child; the listener stays, since a late error must find it.
 */
const sinks = new WeakMap<Writable, Sink>()

function sinkOf(stream: Writable): Sink {
  const known = sinks.get(stream)
  if (known) return known
  const sink = { broken: false }
  sinks.set(stream, sink)
  try {
    stream.on('error', () => {
      sink.broken = true
    })
  } catch {
    sink.broken = true
  }
  return sink
}

/**
 * Writes to a user's stream without ever ending it, waiting for it or being harmed by it
 * (docs/hazards.md#h23).
 */
export function writeTo(chunk: Buffer, stream: Writable | null): void {
  if (!stream) return
  const sink = sinkOf(stream)
  if (sink.broken || stream.destroyed || stream.writableEnded) return
  if (stream.writableLength > MOST_WAITING_BYTES) return
  try {
    caught(stream.write(chunk), () => {})
  } catch {
    sink.broken = true
  }
}

const ignore = (): void => {}

/** Who writes so much at once gets his next turn when everybody else has had one. */
const FLOOD = 32 * 1024

/** Drains a child's stream from the first tick: to the user's stream, and line by line to `onLine`. */
export function drainOutput(
  from: Readable | null,
  to: () => Writable | null,
  onLine: (line: string) => void,
): void {
  if (!from) return
  // Most children of many are silent: what cuts lines is made at the first chunk.
  let splitter: LineSplitter | null = null
  from.on('error', ignore)
  from.on('data', (chunk: Buffer) => {
    writeTo(chunk, to())
    splitter ??= new LineSplitter(onLine)
    splitter.write(chunk)
    if (chunk.length < FLOOD) return
    from.pause()
    setImmediate(() => from.resume())
  })
  from.on('close', () => splitter?.end())
}
