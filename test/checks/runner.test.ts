import { describe, expect, onTestFinished, test } from 'vitest'
import { CheckRunner } from '../../src/checks/runner.ts'
import { StallDetector } from '../../src/checks/stall-detector.ts'
import { Inconclusive } from '../../src/checks/verdict.ts'
import { type Deferred, deferred } from '../../src/promises.ts'
import { FakeClock, sysWith } from '../support/clock.ts'

/** Runs a check on a fake clock. `run` is the function of a user. */
function runCheck(run: (signal: AbortSignal) => unknown, { interval = 1, retries = 1 } = {}) {
  const clock = new FakeClock()
  const heard: string[] = []
  const check = { name: 'a check', interval, retries, run: async () => {} }
  const sys = sysWith({ clock, nextTurn: async () => {} })
  const runner = new CheckRunner({ sys, stallDetector: new StallDetector(clock) }, check, run, {
    unhealthy: (reason) => void heard.push(`unhealthy: ${reason}`),
    unknown: (reason) => void (reason !== null && heard.push(`unknown: ${reason}`)),
  })
  onTestFinished(() => runner.close())
  return { clock, heard, runner }
}

test('H21 the runs of a slow check never overlap, and the interval begins at the end of a run', async () => {
  const runs: Deferred<void>[] = []
  const { clock, runner } = runCheck(() => {
    const run = deferred<void>()
    runs.push(run)
    return run.promise
  })
  await clock.advance(30)
  expect(runs).toHaveLength(1)
  runs[0]?.resolve()
  await clock.advance(0.5)
  expect(runs).toHaveLength(1)
  await clock.advance(0.6)
  expect(runs).toHaveLength(2)
  runner.close()
  runs[1]?.resolve()
  await clock.advance(30)
  expect(runs).toHaveLength(2)
  expect(clock.waiting).toBe(0)
})

/** Returns the given results one after the other, and throws those that are errors. */
const inTurn = (results: readonly unknown[]) => {
  const left = [...results]
  return (): unknown => {
    const result = left.shift()
    if (result instanceof Error) throw result
    return result
  }
}

describe('the result of a check', () => {
  const boom = new Error('boom')

  test('is healthy if it is nothing or an object of numbers, and the numbers are shown', async () => {
    const { clock, runner } = runCheck(inTurn([undefined, { seconds: 0.5, of: 'text', not: Number.NaN }]))
    expect(runner.info).toEqual({ at: null, failures: 0, reason: null, figures: null })
    await clock.advance(1)
    expect(runner.info).toEqual({ at: expect.any(Date), failures: 0, reason: null, figures: null })
    await clock.advance(1)
    expect(runner.info).toMatchObject({ failures: 0, reason: null, figures: { seconds: 0.5 } })
    expect(Object.keys(runner.info.figures ?? {})).toEqual(['seconds'])
    for (const part of [runner.info, runner.info.figures]) expect(part).toSatisfy(Object.isFrozen)
  })

  test.each([
    [[1, 2]],
    [new Map([['a', 1]])],
    [
      new (class Answer {
        status = 200
      })(),
    ],
    [{ text: 'x' }],
  ])('%s is healthy and has no figures', async (result) => {
    const { clock, heard, runner } = runCheck(() => result)
    await clock.advance(1)
    expect(runner.info).toMatchObject({ at: expect.any(Date), failures: 0, figures: null })
    expect(heard).toEqual([])
  })

  test('null is neither a failure nor a success: the count of failures in a row does not change', async () => {
    const { clock, heard, runner } = runCheck(inTurn([boom, null, boom, null, null, boom, null]), {
      retries: 3,
    })
    await clock.advance(5)
    expect(runner.info).toMatchObject({ failures: 2, reason: 'boom' })
    expect(heard).toEqual([])
    await clock.advance(2)
    expect(runner.info).toMatchObject({ failures: 3 })
    expect(heard).toEqual(['unhealthy: boom'])
  })

  test('a success resets the count of failures in a row', async () => {
    const { clock, heard } = runCheck(inTurn([boom, boom, undefined, boom, boom]), { retries: 3 })
    await clock.advance(5)
    expect(heard).toEqual([])
  })

  test('a check that keeps failing reports the child as unhealthy after every `retries` failures', async () => {
    const { clock, heard, runner } = runCheck(
      () => {
        throw boom
      },
      { retries: 2 },
    )
    await clock.advance(5)
    expect(heard).toEqual(['unhealthy: boom', 'unhealthy: boom'])
    expect(runner.info.failures).toBe(5)
  })

  test('an error can carry figures', async () => {
    const { clock, runner } = runCheck(() =>
      Promise.reject(Object.assign(new Error('big'), { figures: { mb: 7 } })),
    )
    await clock.advance(1)
    expect(runner.info).toMatchObject({ failures: 1, reason: 'big', figures: { mb: 7 } })
  })

  test.each([true, false, 'fine', 0, 5n, Symbol('x'), () => {}])(
    '%s is not a valid result, and this is reported',
    async (result) => {
      const { clock, heard, runner } = runCheck(() => result)
      await clock.advance(1)
      expect(runner.info).toMatchObject({ at: null, failures: 0 })
      expect(heard).toEqual([
        expect.stringMatching(/^unknown: the check must resolve with nothing, an object of numbers, or null/),
      ])
    },
  )

  test('an inconclusive run reports why, and does not count', async () => {
    const { clock, heard, runner } = runCheck(inTurn([boom, new Inconclusive('out of descriptors')]), {
      retries: 5,
    })
    await clock.advance(2)
    expect(heard).toEqual(['unknown: out of descriptors'])
    expect(runner.info).toMatchObject({ failures: 1, reason: 'boom' })
  })
})

describe('the function of a user', () => {
  const hostile = {
    get message(): string {
      throw new Error('no message')
    },
    get figures(): never {
      throw new Error('no figures')
    },
  }

  test.each<[string, () => unknown]>([
    [
      'throws at once',
      () => {
        throw new Error('x')
      },
    ],
    ['rejects with nothing', () => Promise.reject(undefined)],
    ['rejects with a value that cannot be converted to a string', () => Promise.reject(Object.create(null))],
    ['rejects with an object whose members throw', () => Promise.reject(hostile)],
    [
      'returns a thenable that throws',
      () => ({
        then() {
          throw new Error('x')
        },
      }),
    ],
  ])('that %s has failed, and is run again', async (_how, run) => {
    let runs = 0
    const { clock, heard } = runCheck(() => {
      runs++
      return run()
    })
    await clock.advance(3)
    expect(runs).toBe(3)
    expect(heard).toHaveLength(3)
    expect(heard.every((line) => line.startsWith('unhealthy: '))).toBe(true)
  })

  test('can return figures that throw when they are read; they are ignored', async () => {
    const figures = Object.defineProperty({}, 'x', { enumerable: true, get: () => hostile.figures })
    const { clock, runner } = runCheck(() => figures)
    await clock.advance(1)
    expect(runner.info).toMatchObject({ at: expect.any(Date), figures: null })
  })

  test('can give a very long reason, which is truncated', async () => {
    const { clock, runner } = runCheck(() => Promise.reject(new Error('x'.repeat(1e6))))
    await clock.advance(1)
    expect(runner.info.reason).toHaveLength(1_000)
  })

  test('that never ends is aborted by close(), and its later result is ignored', async () => {
    const run = deferred<void>()
    const signals: AbortSignal[] = []
    const { clock, heard, runner } = runCheck((signal) => {
      signals.push(signal)
      return run.promise
    })
    await clock.advance(60)
    expect(signals.map(({ aborted }) => aborted)).toEqual([false])
    runner.close()
    expect(signals.map(({ aborted }) => aborted)).toEqual([true])
    expect(clock.waiting).toBe(0)
    run.reject(new Error('too late'))
    await clock.advance(60)
    expect(heard).toEqual([])
    expect(clock.waiting).toBe(0)
  })
})
