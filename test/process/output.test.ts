import { EventEmitter } from 'node:events'
import { PassThrough, Writable } from 'node:stream'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { drainOutput, LineBuffer, LineSplitter, LONGEST_LINE, writeTo } from '../../src/process/output.ts'
import { fixture, newSpinner, until } from '../support/host.ts'

const MEGABYTE = 1024 * 1024
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** The lines of a text that arrives in these pieces. */
function linesOf(...chunks: readonly (string | Uint8Array)[]): string[] {
  const lines: string[] = []
  const splitter = new LineSplitter((line) => lines.push(line))
  for (const chunk of chunks) splitter.write(Buffer.from(chunk as string))
  splitter.end()
  return lines
}

describe('lines', () => {
  test('end at LF or CRLF, and the last one needs no end', () => {
    expect(linesOf('a\nb\r\n\nc')).toEqual(['a', 'b', '', 'c'])
    expect(linesOf('a\r', '\nb')).toEqual(['a', 'b'])
    expect(linesOf('a\rb\n')).toEqual(['a\rb'])
    expect(linesOf('a\n')).toEqual(['a'])
    expect(linesOf('')).toEqual([])
  })

  test('H23 characters stay whole wherever the text is cut', () => {
    const text = 'é ß 漢字 😀\nzweite Zeile 👩‍👩‍👧\r\n…'
    const bytes = Buffer.from(text)
    const whole = linesOf(text)
    expect(whole).toEqual(['é ß 漢字 😀', 'zweite Zeile 👩‍👩‍👧', '…'])
    for (let at = 0; at <= bytes.length; at++)
      expect(linesOf(bytes.subarray(0, at), bytes.subarray(at))).toEqual(whole)
    expect(linesOf(...[...bytes].map((byte) => Uint8Array.of(byte)))).toEqual(whole)
  })

  test('H23 any bytes in any pieces give the same lines as in one piece', () => {
    const someBytes = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 20 })
    fc.assert(
      fc.property(
        someBytes,
        (chunks) => void expect(linesOf(...chunks)).toEqual(linesOf(Buffer.concat(chunks))),
      ),
    )
  })

  test('a character that never ends is shown as one that is broken', () => {
    expect(linesOf(Uint8Array.of(0x61, 0xf0, 0x9f))).toEqual(['a\ufffd'])
  })

  test('H23 a line is cut at 64 KB, and nothing of it is lost', () => {
    const line = 'x'.repeat(LONGEST_LINE)
    expect(linesOf(`${line}\n`)).toEqual([line])
    expect(linesOf(`${line}y\nz`)).toEqual([line, 'y', 'z'])
    expect(linesOf(`${line}${line}yy`)).toEqual([line, line, 'yy'])
    expect(linesOf(line, line, 'y\nz\n')).toEqual([line, line, 'y', 'z'])
  })

  test('H23 of 20 MB without a newline no more than one line is ever held', () => {
    let given = 0
    const splitter = new LineSplitter((line) => {
      expect(line.length).toBeLessThanOrEqual(LONGEST_LINE)
      given += line.length
    })
    const chunk = Buffer.alloc(100_000, 'x')
    for (let written = chunk.length; written <= 20 * MEGABYTE; written += chunk.length) {
      splitter.write(chunk)
      expect(written - given).toBeLessThanOrEqual(LONGEST_LINE)
    }
    expect(given).toBeGreaterThan(19 * MEGABYTE)
  })
})

describe('the ring', () => {
  test('keeps the last hundred lines, oldest first', () => {
    const ring = new LineBuffer()
    for (let number = 0; number < 1_000; number++) ring.push(`line ${number}`)
    expect(ring.last(1_000)).toHaveLength(100)
    expect(ring.last(2)).toEqual(['line 998', 'line 999'])
    expect(ring.last()[0]).toBe('line 900')
  })

  test('H23 keeps no more than 256 KB however long the lines are', () => {
    const ring = new LineBuffer()
    for (let number = 0; number < 1_000; number++) ring.push('x'.repeat(LONGEST_LINE))
    expect(ring.last()).toHaveLength(4)
    ring.push('the end')
    expect(ring.last().join('').length).toBeLessThanOrEqual(256 * 1024)
    expect(ring.last(1)).toEqual(['the end'])
  })

  test('what it gave is not changed by what comes later', () => {
    const ring = new LineBuffer()
    ring.push('a')
    const before = ring.last()
    ring.push('b')
    expect(before).toEqual(['a'])
  })
})

/** A stream that does with each chunk what the test says, and counts them. */
function sink(write: (done: (error?: Error) => void) => void): { stream: Writable; chunks: () => number } {
  let count = 0
  const stream = new Writable({
    write(_chunk, _encoding, done) {
      count++
      write(done)
    },
  })
  return { stream, chunks: () => count }
}

const epipe = (): Error => Object.assign(new Error('write EPIPE'), { code: 'EPIPE' })
const hello = Buffer.from('hello')

describe('the stream of the user', () => {
  test('H23 gets the bytes as they came', async () => {
    const stream = new PassThrough()
    writeTo(Buffer.from([0, 255, 10]), stream)
    expect(stream.read()).toEqual(Buffer.from([0, 255, 10]))
    expect(() => writeTo(hello, null)).not.toThrow()
  })

  test('H23 that never drains loses output, and the host does not hold it', () => {
    const { stream, chunks } = sink(() => {})
    const chunk = Buffer.alloc(64 * 1024)
    for (let written = 0; written < 20 * MEGABYTE; written += chunk.length) writeTo(chunk, stream)
    expect(stream.writableLength).toBeGreaterThan(0)
    expect(stream.writableLength).toBeLessThanOrEqual(MEGABYTE + chunk.length)
    expect(chunks()).toBe(1)
  })

  test('H23 that has caught up gets output again', async () => {
    const waiting: (() => void)[] = []
    const { stream, chunks } = sink((done) => waiting.push(done))
    const chunk = Buffer.alloc(64 * 1024)
    for (let count = 0; count < 100; count++) writeTo(chunk, stream)
    const held = stream.writableLength / chunk.length
    while (waiting.length > 0) {
      waiting.shift()?.()
      await nextTurn()
    }
    writeTo(hello, stream)
    expect(stream.writableLength).toBe(hello.length)
    expect(chunks()).toBe(held + 1)
  })

  test('H23 that fails with EPIPE harms nobody and is left alone from then on', async () => {
    const { stream, chunks } = sink((done) => done(epipe()))
    writeTo(hello, stream)
    await nextTurn()
    writeTo(hello, stream)
    await nextTurn()
    expect(chunks()).toBe(1)
  })

  test('H23 that reports an error without being destroyed is left alone too', () => {
    let writes = 0
    const stream = Object.assign(new EventEmitter(), { write: () => void writes++ }) as unknown as Writable
    writeTo(hello, stream)
    stream.emit('error', epipe())
    writeTo(hello, stream)
    expect(writes).toBe(1)
  })

  test('H23 that was ended or destroyed is left alone', async () => {
    const ended = sink((done) => done())
    ended.stream.end()
    const destroyed = sink((done) => done())
    destroyed.stream.destroy()
    for (const { stream, chunks } of [ended, destroyed]) {
      const errors: Error[] = []
      stream.on('error', (error) => errors.push(error))
      writeTo(hello, stream)
      await nextTurn()
      expect(chunks()).toBe(0)
      expect(errors).toEqual([])
    }
  })

  test('H23 that throws at once harms nobody', () => {
    const throws = (): never => {
      throw new Error('boom')
    }
    const broken = Object.assign(new EventEmitter(), { write: throws })
    expect(() => writeTo(hello, broken as unknown as Writable)).not.toThrow()
    const unheard = { on: throws, write: throws }
    expect(() => writeTo(hello, unheard as unknown as Writable)).not.toThrow()
  })

  test('H23 that a thousand children share gets one `error` listener, and no end', async () => {
    const shared = new PassThrough()
    shared.resume()
    for (let count = 0; count < 1_000; count++) {
      const output = new PassThrough()
      drainOutput(
        output,
        () => shared,
        () => {},
      )
      output.end('hello\n')
    }
    await nextTurn()
    await nextTurn()
    expect(shared.listenerCount('error')).toBe(1)
    expect(shared.listenerCount('drain')).toBe(0)
    expect(shared.writableEnded).toBe(false)
  })
})

describe('the output of a process', () => {
  test('H23 is drained although nobody wants it, so that it never stands still', async () => {
    const spinner = newSpinner({ listen: null, ready: { output: /^written$/ } })
    await spinner.start(fixture('writes-a-lot.js'))
    expect(spinner.get(fixture('writes-a-lot.js'))?.output.at(-1)).toBe('written')
  })

  test('H23 is drained although the stream of the user never takes any', async () => {
    const { stream } = sink(() => {})
    const spinner = newSpinner({ listen: null, ready: { output: /^written$/ }, stdout: stream })
    await spinner.start(fixture('writes-a-lot.js'))
    expect(stream.writableLength).toBeLessThanOrEqual(2 * MEGABYTE)
  })

  test('H23 reaches the stream of the user, and the child outlives a stream that breaks', async () => {
    const { stream, chunks } = sink((done) => done(epipe()))
    const spinner = newSpinner({ listen: null, ready: { output: /^written$/ }, stdout: stream })
    const child = spinner.start(fixture('writes-a-lot.js'))
    await child
    await until(() => stream.destroyed)
    expect(chunks()).toBe(1)
    expect(child.state).toBe('started')
  })

  test('nothing is listened to where there is no stream', () => {
    expect(() =>
      drainOutput(
        null,
        () => null,
        () => {},
      ),
    ).not.toThrow()
  })
})
