import { describe, expect, test } from 'vitest'
import { guard, SafeEmitter, safeLog } from '../src/emitter.ts'
import type { Logger } from '../src/types/options.ts'
import { fixture, newSpinner, until } from './support/host.ts'

interface Events {
  news: (what: string) => void
  other: () => void
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Returns a logger that collects its lines, each with its level. */
function collectingLogger(): { logger: Logger; lines: string[] } {
  const lines: string[] = []
  const keep =
    (level: string) =>
    (line: string): void =>
      void lines.push(`${level} ${line}`)
  const logger = { info: keep('info'), warn: keep('warn'), error: keep('error'), debug: keep('debug') }
  return { logger, lines }
}

const throwing = (): never => {
  throw new Error('this logger is broken')
}
const brokenLogger: Logger = { info: throwing, warn: throwing, error: throwing, debug: throwing }

function newEmitter(logger: Logger | null = null): SafeEmitter<Events> {
  return new (class extends SafeEmitter<Events> {
    protected logger(): Logger | null {
      return logger
    }
  })()
}

describe('listeners', () => {
  test('are called in the order in which they were added, at each event', () => {
    const received: string[] = []
    const emitter = newEmitter()
    emitter
      .on('news', (what) => received.push(`first ${what}`))
      .on('news', (what) => received.push(`second ${what}`))
    expect(emitter.emit('news', 'a')).toBe(true)
    expect(emitter.emit('news', 'b')).toBe(true)
    expect(received).toEqual(['first a', 'second a', 'first b', 'second b'])
  })

  test('are called once if they were added with once', () => {
    const received: string[] = []
    const emitter = newEmitter().once('news', (what) => received.push(what))
    expect(emitter.emit('news', 'a')).toBe(true)
    expect(emitter.emit('news', 'b')).toBe(false)
    expect(received).toEqual(['a'])
  })

  test('off removes a listener, even one that was added with once', () => {
    const received: string[] = []
    const listener = (what: string): void => void received.push(what)
    const emitter = newEmitter().on('news', listener).once('news', listener)
    emitter.off('news', listener)
    expect(emitter.emit('news', 'a')).toBe(false)
    expect(received).toEqual([])
  })

  test('off does not affect other listeners and other events', () => {
    const received: string[] = []
    const listener = (): void => void received.push('other')
    const emitter = newEmitter()
      .on('news', listener)
      .on('other', listener)
      .on('news', (what) => received.push(what))
    emitter.off('news', listener)
    emitter.emit('news', 'a')
    emitter.emit('other')
    expect(received).toEqual(['a', 'other'])
  })

  test('off of a listener that was never added removes nothing', () => {
    const emitter = newEmitter()
    expect(() => emitter.off('news', () => {})).not.toThrow()
    emitter.on('news', () => {})
    emitter.off('news', () => {})
    expect(emitter.listenerCount('news')).toBe(1)
  })

  test('off without a listener removes all listeners of that event', () => {
    const emitter = newEmitter()
    expect(() => emitter.off('news')).not.toThrow()
    emitter
      .on('news', () => {})
      .on('news', () => {})
      .on('other', () => {})
    emitter.off('news')
    expect(emitter.listenerCount('news')).toBe(0)
    expect(emitter.listenerCount('other')).toBe(1)
  })

  test('one function can listen to two emitters independently', () => {
    const received: string[] = []
    const listener = (what: string): void => void received.push(what)
    const [one, two] = [newEmitter().on('news', listener), newEmitter().on('news', listener)]
    one.off('news', listener)
    one.emit('news', 'one')
    two.emit('news', 'two')
    expect(received).toEqual(['two'])
  })

  test('do not exist before the first one is added', () => {
    const emitter = newEmitter()
    expect(emitter.emit('news', 'a')).toBe(false)
    expect(emitter.listenerCount('news')).toBe(0)
  })

  test('H31 a listener that is added and removed 10,000 times leaves nothing behind', () => {
    const emitter = newEmitter()
    const listener = (): void => {}
    for (let round = 0; round < 10_000; round++) emitter.on('news', listener).off('news', listener)
    expect(emitter.listenerCount('news')).toBe(0)
  })
})

describe('listeners that throw', () => {
  test('H29 result in one line in the logger, and later listeners are called', () => {
    const { logger, lines } = collectingLogger()
    const received: string[] = []
    const emitter = newEmitter(logger)
      .on('news', () => {
        throw new Error('boom')
      })
      .on('news', (what) => received.push(what))
    expect(() => emitter.emit('news', 'a')).not.toThrow()
    expect(received).toEqual(['a'])
    expect(lines).toEqual([expect.stringMatching(/^error \[spinner\] a listener threw: boom \(at /)])
  })

  test('H29 an async listener that rejects results in one line in the logger, not in an unhandled rejection', async () => {
    const { logger, lines } = collectingLogger()
    const emitter = newEmitter(logger).on('news', async () => {
      await nextTurn()
      throw new Error('late boom')
    })
    emitter.emit('news', 'a')
    await until(() => lines.length > 0)
    await nextTurn()
    expect(lines).toEqual([expect.stringMatching(/^error \[spinner\] a listener threw: late boom/)])
  })

  test.each([
    ['a string', 'oops', 'oops'],
    ['undefined', undefined, 'undefined'],
    ['an object without a prototype', Object.create(null), 'a value that cannot be shown'],
    ['a symbol', Symbol('odd'), 'Symbol(odd)'],
  ])('H29 a listener that throws %s is logged too', (_what, thrown, shown) => {
    const { logger, lines } = collectingLogger()
    const emitter = newEmitter(logger).once('news', () => {
      throw thrown
    })
    emitter.emit('news', 'a')
    expect(lines).toEqual([expect.stringContaining(`error [spinner] a listener threw: ${shown}`)])
  })

  test('H29 a logger that throws or is null does no harm', () => {
    for (const logger of [brokenLogger, null]) {
      const received: string[] = []
      const emitter = newEmitter(logger)
        .on('news', () => {
          throw new Error('boom')
        })
        .on('news', (what) => received.push(what))
      expect(() => emitter.emit('news', 'a')).not.toThrow()
      expect(received).toEqual(['a'])
      expect(() => safeLog(logger, 'info', 'x')).not.toThrow()
      expect(() => guard(() => Promise.reject(new Error('late')), logger, 'it')).not.toThrow()
    }
  })

  test('H29 listeners that throw on every event do not affect the child', async () => {
    const { logger, lines } = collectingLogger()
    const states: string[] = []
    const spinner = newSpinner({ logger, listen: null })
    for (const event of ['started', 'stopped', 'exit', 'state', 'restarted'] as const)
      spinner.on(event, () => {
        throw new Error(`boom at ${event}`)
      })
    spinner.on('state', (_child, to) => states.push(to))
    const child = spinner.start(fixture('stays-alive.js'))
    await child
    await child.restart()
    await child.stop()
    expect(states).toEqual(['starting', 'started', 'restart', 'started', 'stopping', 'stopped'])
    for (const event of ['started', 'restarted', 'exit', 'stopped', 'state'])
      expect(lines).toContainEqual(
        expect.stringContaining(`error [spinner] a listener threw: boom at ${event} (at `),
      )
  })

  test('H29 a listener that calls its child sees the new state', async () => {
    const seen: string[] = []
    const spinner = newSpinner({ listen: null })
    const child = spinner.start(fixture('stays-alive.js'))
    child.on('started', () => {
      seen.push(child.state)
      if (seen.length < 3) void child.stop()
    })
    child.on('stopped', () => {
      seen.push(child.state)
      spinner.start(child.name)
    })
    await until(() => seen.length === 3)
    expect(await child).toBeNull()
    expect(seen).toEqual(['started', 'stopped', 'started'])
  })
})

describe('an `error` event', () => {
  const missing = { name: 'missing', command: './no-such-program', attempts: 1 }

  test('H30 without a listener is one line in the logger and does not throw', async () => {
    const { logger, lines } = collectingLogger()
    const spinner = newSpinner({ logger })
    await expect(spinner.start(missing)).rejects.toMatchObject({ code: 'ERR_SPINNER_SPAWN' })
    await until(() => lines.some((line) => line.startsWith('error')))
    expect(lines.filter((line) => line.startsWith('error'))).toEqual([
      expect.stringContaining('does not exist'),
    ])
  })

  test('H30 with listeners is passed to those of the child and of the spinner', async () => {
    const spinner = newSpinner()
    const received: string[] = []
    const child = spinner.start(missing)
    child.on('error', (error) => received.push(`child: ${error.message}`))
    spinner.on('error', ({ name }, error) => received.push(`spinner: ${name}: ${error.message}`))
    await expect(child).rejects.toThrow()
    expect(received).toHaveLength(2)
    expect(received[0]).toMatch(/^child: 'missing' could not be spawned/)
    expect(received[1]).toMatch(/^spinner: missing: 'missing' could not be spawned/)
  })

  test('H30 of a start that is not awaited is not an unhandled rejection', async () => {
    const { logger, lines } = collectingLogger()
    const spinner = newSpinner({ logger })
    spinner.start(missing)
    await until(() => lines.length > 0)
    await nextTurn()
    expect(spinner.get('missing')?.state).toBe('faulted')
  })

  test('H30 with a logger that throws, the start rejects as usual', async () => {
    const spinner = newSpinner({ logger: brokenLogger })
    await expect(spinner.start(missing)).rejects.toMatchObject({ code: 'ERR_SPINNER_SPAWN' })
  })
})
