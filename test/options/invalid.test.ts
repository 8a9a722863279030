import { expect, test } from 'vitest'
import { createSpinner } from '../../src/spinner.ts'
import type { StartOptions } from '../../src/types/options.ts'
import { FakeClock, sysWith } from '../support/clock.ts'
import { newSpinner, until } from '../support/host.ts'

const sleeper = { command: 'sleep', args: ['1000'], listen: null } as const
const invalid = expect.objectContaining({ code: 'ERR_SPINNER_INVALID_OPTION' })
/** Casts what a caller without types can pass. */
const untyped = (given: unknown): StartOptions => given as StartOptions

/** Returns a callback that records its arguments and whether it was called in a later turn. */
function recorder() {
  const calls: unknown[][] = []
  let turn = 'first'
  setImmediate(() => {
    turn = 'later'
  })
  const callback = (...args: unknown[]): void => void calls.push([turn, ...args])
  return { calls, callback }
}

test('createSpinner and start throw invalid options synchronously', async () => {
  expect(() => createSpinner({ attempts: 0 })).toThrow(invalid)
  const spinner = newSpinner()
  expect(() => spinner.start({ ...sleeper, name: 'a', timeout: 0 })).toThrow(invalid)
  expect(() => spinner.start('')).toThrow(invalid)
  expect(spinner.child('a')).toBeUndefined()
  await expect(spinner.acquire({ ...sleeper, name: 'a', timeout: 0 })).rejects.toEqual(invalid)
})

test.each([
  ['an invalid option', { name: 'a', timeout: 0 }],
  ['no name', {}],
  ['nothing', undefined],
  ['a symbol', Symbol('x')],
  ['an object without a prototype', Object.create(null)],
  ['an object that cannot be converted to a string', { toString: null, timeout: 0 }],
  [
    'a proxy that throws',
    new Proxy(
      {},
      {
        get() {
          throw new Error('boom')
        },
      },
    ),
  ],
])('with a callback, the error for %s is passed to it once and in a later turn', async (_what, given) => {
  const spinner = newSpinner()
  const { calls, callback } = recorder()
  const child = spinner.start(untyped(given), callback)
  expect(calls).toEqual([])
  await expect(child).rejects.toEqual(invalid)
  await until(() => calls.length > 0)
  await spinner.close()
  expect(calls).toEqual([['later', invalid]])
  expect(spinner.list()).toEqual({})
})

test('with a callback, the error for contradicting defaults is passed to it', async () => {
  const spinner = newSpinner({ listen: 'port', restartOrder: 'start-first' })
  const { calls, callback } = recorder()
  spinner.start({ name: 'a', command: 'sleep' }, callback)
  await until(() => calls.length > 0)
  expect(calls).toEqual([['later', invalid]])
})

test('a start with invalid options does not affect other children', async () => {
  const spinner = newSpinner()
  await spinner.start({ ...sleeper, name: 'good' })
  const { pid } = spinner.get('good') ?? {}
  expect(() => spinner.start({ ...sleeper, name: 'bad', attempts: 0 })).toThrow(invalid)
  expect(() => spinner.start({ ...sleeper, name: 'good', attempts: 0 })).toThrow(invalid)
  expect(Object.keys(spinner.list())).toEqual(['good'])
  expect(spinner.get('good')).toMatchObject({ state: 'started', pid, options: { attempts: 3 } })
})

test('a child can be started after a start with invalid options', async () => {
  const spinner = newSpinner()
  expect(() => spinner.start({ ...sleeper, name: 'a', attempts: 0 })).toThrow(invalid)
  await spinner.start({ ...sleeper, name: 'a' })
  expect(spinner.get('a')?.state).toBe('started')
})

test.each([-1, null, Number.POSITIVE_INFINITY])(
  'H18 with `idleTimeSec: %s` a child is never idle',
  async (idle) => {
    const clock = new FakeClock()
    const spinner = newSpinner({}, sysWith({ clock }))
    await spinner.start({ ...sleeper, name: 'a', idleTimeSec: idle })
    await clock.advance(1e9)
    expect(spinner.get('a')).toMatchObject({ state: 'started', idleAt: null })
  },
)

test.each([2 ** 31 / 1_000, 1e9])('H18 with `idleTimeSec: %s` a child is not idle at once', async (idle) => {
  const clock = new FakeClock()
  const spinner = newSpinner({}, sysWith({ clock }))
  await spinner.start({ ...sleeper, name: 'a', idleTimeSec: idle })
  await clock.advance(3_600)
  expect(spinner.get('a')?.state).toBe('started')
  expect(spinner.get('a')?.idleAt?.getTime()).toBeGreaterThan(clock.date())
})

test.each([0, 1, '5s'])('H18 with `idleTimeSec: %s` a child is idle after that time', async (idle) => {
  const clock = new FakeClock()
  const spinner = newSpinner({}, sysWith({ clock }))
  await spinner.start({ ...sleeper, name: 'a', idleTimeSec: idle })
  await clock.advance(6)
  await until(() => spinner.get('a')?.state === 'stopped')
})
