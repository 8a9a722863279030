import { PassThrough, Writable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { newPrinter, wantsColour } from '../../src/cli/print.ts'

const style = { json: false, color: false, now: () => Date.UTC(2026, 0, 2) }

function printed(out: PassThrough): string {
  return String(out.read() ?? '')
}

describe('the printer', () => {
  test('puts the padded name in front of each line, and a mark for where it comes from', () => {
    const out = new PassThrough()
    const printer = newPrinter(out, style)
    printer.align(['web', 'renderer-0'])
    printer.output('web', 'stdout', 'hello')
    printer.output('renderer-0', 'stderr', 'oops')
    printer.tell('web', { event: 'started', text: 'started on 8000 (pid 1)' })
    printer.tell(null, { event: 'stop', text: 'stops\neverything' })
    expect(printed(out).split('\n')).toEqual([
      'web        | hello',
      'renderer-0 ! oops',
      'web        * started on 8000 (pid 1)',
      'spinner    * stops',
      'spinner    * everything',
      '',
    ])
  })

  test('gives each child a colour of its own that stays, and keeps those of its lines', () => {
    const out = new PassThrough()
    const printer = newPrinter(out, { ...style, color: true })
    for (const name of ['a', 'b', 'a']) printer.output(name, 'stdout', '\x1b[31mred')
    const [one, other, again] = printed(out).split('\n')
    expect(one).toBe(again)
    expect(one?.replaceAll('\x1b[', '<')).toMatch(/^<\d+ma {7}\|<0m <31mred<0m$/)
    expect(one?.slice(0, 5)).not.toBe(other?.slice(0, 5))
  })

  test('writes one object a line as JSON', () => {
    const out = new PassThrough()
    const printer = newPrinter(out, { ...style, json: true })
    printer.output('web', 'stderr', 'a "quoted"\x9b2J line')
    printer.tell('web', { event: 'started', text: 'started', details: { address: 8000, pid: 1 } })
    printer.tell(null, { event: 'reload', text: 'nothing' })
    const time = '2026-01-02T00:00:00.000Z'
    expect(
      printed(out)
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual([
      { time, child: 'web', stream: 'stderr', line: 'a "quoted" line' },
      { time, child: 'web', event: 'started', address: 8000, pid: 1, message: 'started' },
      { time, event: 'reload', message: 'nothing' },
    ])
  })

  test('H60: a name is foreign text too', () => {
    const out = new PassThrough()
    newPrinter(out, style).output('\x1b]0;evil\x07web', 'stdout', 'hi')
    expect(printed(out)).toBe('web     | hi\n')
  })

  test('H23: loses lines rather than wait for a reader who lags, and says how many', async () => {
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
    expect(written.join('')).toMatch(/spinner \* 2\d lines were lost, since they were not read in time\n$/)
  })

  test('says nothing any more to a stream that is gone, and does not wait for it', async () => {
    const out = new PassThrough()
    const printer = newPrinter(out, style)
    out.destroy()
    printer.output('web', 'stdout', 'hello')
    await printer.flush()
    expect(out.writableLength).toBe(0)
  })
})

describe('colours', () => {
  test('are for terminals whose user did not say no', () => {
    const tty = { isTTY: true }
    expect(wantsColour(tty, {}, true)).toBe(true)
    expect(wantsColour({}, {}, true)).toBe(false)
    expect(wantsColour(tty, { NO_COLOR: '1' }, true)).toBe(false)
    expect(wantsColour(tty, { NO_COLOR: '' }, true)).toBe(true)
    expect(wantsColour(tty, { TERM: 'dumb' }, true)).toBe(false)
    expect(wantsColour(tty, {}, false)).toBe(false)
  })
})
