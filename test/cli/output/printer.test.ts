import { PassThrough, Writable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { newPrinter, wantsColour } from '../../../src/cli/output/printer.ts'
import { FakeClock } from '../../support/clock.ts'

const style = { json: false, color: false, clock: new FakeClock() }

function printed(out: PassThrough): string {
  return String(out.read() ?? '')
}

describe('the printer', () => {
  test('prints the padded name and a sign for the stream in front of each line', () => {
    const out = new PassThrough()
    const printer = newPrinter(out, style)
    printer.align(['web', 'renderer-0'])
    printer.output('web', 'stdout', 'hello')
    printer.output('renderer-0', 'stderr', 'oops')
    printer.event('web', { event: 'started', text: 'started on 8000 (pid 1)' })
    printer.event(null, { event: 'stop', text: 'stops\neverything' })
    expect(printed(out).split('\n')).toEqual([
      'web        | hello',
      'renderer-0 ! oops',
      'web        * started on 8000 (pid 1)',
      'spinner    * stops',
      'spinner    * everything',
      '',
    ])
  })

  test('gives each name its own colour, and keeps the colours of lines', () => {
    const out = new PassThrough()
    const printer = newPrinter(out, { ...style, color: true })
    for (const name of ['a', 'b', 'a']) printer.output(name, 'stdout', '\x1b[31mred')
    const [one, other, again] = printed(out).split('\n')
    expect(one).toBe(again)
    expect(one?.replaceAll('\x1b[', '<')).toMatch(/^<\d+ma {7}\|<0m <31mred<0m$/)
    expect(one?.slice(0, 5)).not.toBe(other?.slice(0, 5))
  })

  test('writes one JSON object per line', () => {
    const out = new PassThrough()
    const printer = newPrinter(out, { ...style, json: true })
    printer.output('web', 'stderr', 'a "quoted"\x9b2J line')
    printer.event('web', { event: 'started', text: 'started', details: { address: 8000, pid: 1 } })
    printer.event(null, { event: 'error', text: 'the file is wrong:\nspinner.yml:1:1: \x1bcthis' })
    const time = '2026-01-01T00:00:01.000Z'
    expect(
      printed(out)
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual([
      { time, child: 'web', stream: 'stderr', line: 'a "quoted" line' },
      { time, child: 'web', event: 'started', address: 8000, pid: 1, message: 'started' },
      { time, event: 'error', message: 'the file is wrong:\nspinner.yml:1:1: this' },
    ])
  })

  test('H60: removes control sequences from names', () => {
    const out = new PassThrough()
    newPrinter(out, style).output('\x1b]0;evil\x07web', 'stdout', 'hi')
    expect(printed(out)).toBe('web     | hi\n')
  })

  test('H23: drops lines instead of waiting for a slow reader, and prints how many', async () => {
    const written: string[] = []
    const waiting: (() => void)[] = []
    const slow = new Writable({
      write: (chunk, _encoding, done) => {
        written.push(String(chunk))
        waiting.push(done)
      },
    })
    const printer = newPrinter(slow, style)
    const line = 'x'.repeat(64 * 1024)
    for (let count = 0; count < 40; count++) printer.output('web', 'stdout', line)
    expect(slow.writableLength).toBeLessThan(1.2 * 1024 * 1024)
    while (waiting.length > 0) {
      waiting.shift()?.()
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(written.join('')).toMatch(/spinner \* 2\d lines were lost: the reader was too slow\n$/)
  })

  test('drops lines while the disk is full, and prints how many when there is space again', async () => {
    const written: string[] = []
    let isFull = true
    const error = new Error('ENOSPC: no space left on device, write')
    // Accept writes after an error, as Node's stdout does.
    const write = (text: string, done: (error: Error | null) => void): void => {
      if (!isFull) written.push(text)
      setImmediate(done, isFull ? error : null)
    }
    const disk = Object.assign(new PassThrough(), { write }) as PassThrough
    const printer = newPrinter(disk, style)
    for (const line of ['one', 'two']) {
      printer.output('web', 'stdout', line)
      await new Promise((resolve) => setImmediate(resolve))
    }
    isFull = false
    printer.output('web', 'stdout', 'three')
    await printer.flush()
    await printer.flush()
    expect(written.join('')).toBe(
      'web     | three\nspinner * 2 lines were lost: they could not be written: ENOSPC: no space left on device, write\n',
    )
  })

  test('waits at most a second for a reader when it flushes', async () => {
    const clock = new FakeClock()
    const printer = newPrinter(new Writable({ write: () => {} }), { ...style, clock })
    printer.output('web', 'stdout', 'hello')
    const flushed = printer.flush().then(() => 'flushed')
    await clock.advance(0.9)
    expect(await Promise.race([flushed, 'waits'])).toBe('waits')
    await clock.advance(0.1)
    expect(await flushed).toBe('flushed')
  })

  test('writes nothing to a destroyed stream, and does not wait for it', async () => {
    const out = new PassThrough()
    const printer = newPrinter(out, style)
    out.destroy()
    printer.output('web', 'stdout', 'hello')
    await printer.flush()
    expect(out.writableLength).toBe(0)
  })
})

describe('colours', () => {
  test('are used on terminals, unless an option or a variable turns them off', () => {
    const tty = { isTTY: true }
    expect(wantsColour(tty, {}, true)).toBe(true)
    expect(wantsColour({}, {}, true)).toBe(false)
    expect(wantsColour(tty, { NO_COLOR: '1' }, true)).toBe(false)
    expect(wantsColour(tty, { NO_COLOR: '' }, true)).toBe(true)
    expect(wantsColour(tty, { TERM: 'dumb' }, true)).toBe(false)
    expect(wantsColour(tty, {}, false)).toBe(false)
  })
})
