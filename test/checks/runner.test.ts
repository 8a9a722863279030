import { describe, expect, onTestFinished, test } from 'vitest'
import { CheckRunner } from '../../src/checks/runner.ts'
import { StallDetector } from '../../src/checks/stall-detector.ts'
import { Inconclusive } from '../../src/checks/verdict.ts'
import { type Deferred, deferred } from '../../src/promises.ts'
import { FakeClock, sysWith } from '../support/clock.ts'

/** A check that is watched on a clock that stands still; `run` is what a user wrote. */
function watch(run: (signal: AbortSignal) => unknown, { interval = 1, retries = 1 } = {}) {
  const clock = new FakeClock()
  const heard: string[] = []
  const check = { name: 'a check', interval, retries, run: async () => {} }
  const sys = sysWith({ clock, nextTurn: async () => {} })
  const watching = new CheckRunner({ sys, stallDetector: new StallDetector(clock) }, check, run, {
    unhealthy: (reason) => void heard.push(`unhealthy: ${reason}`),
    untold: (why) => void (why !== null && heard.push(`untold: ${why}`)),
  })
  onTestFinished(() => watching.close())
  return { clock, heard, watching }
}

test('H21 a slow check is never run twice at once, and the next run is timed from its end', async () => {
  const runs: Deferred<void>[] = []
  const { clock, watching } = watch(() => {
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
  watching.close()
  runs[1]?.resolve()
  await clock.advance(30)
  expect(runs).toHaveLength(2)
  expect(clock.waiting).toBe(0)
})

/** What one run after the other ends with: a value that is thrown when it is an error. */
const inTurn = (results: readonly unknown[]) => {
  const left = [...results]
  return (): unknown => {
    const result = left.shift()
    if (result instanceof Error) throw result
    return result
  }
}

describe('what a check ends with', () => {
  const boom = new Error('boom')

  test('nothing, or an object of numbers, is well; its numbers are shown', async () => {
    const { clock, watching } = watch(inTurn([undefined, { seconds: 0.5, of: 'text', not: Number.NaN }]))
    expect(watching.info).toEqual({ at: null, failures: 0, reason: null, figures: null })
    await clock.advance(1)
    expect(watching.info).toEqual({ at: expect.any(Date), failures: 0, reason: null, figures: null })
    await clock.advance(1)
    expect(watching.info).toMatchObject({ failures: 0, reason: null, figures: { seconds: 0.5 } })
    expect(Object.keys(watching.info.figures ?? {})).toEqual(['seconds'])
    for (const part of [watching.info, watching.info.figures]) expect(part).toSatisfy(Object.isFrozen)
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
  ])('%s is well and has no figures', async (result) => {
    const { clock, heard, watching } = watch(() => result)
    await clock.advance(1)
    expect(watching.info).toMatchObject({ at: expect.any(Date), failures: 0, figures: null })
    expect(heard).toEqual([])
  })

  test('null is neither a failure nor a success: the row of failures stays as it is', async () => {
    const { clock, heard, watching } = watch(inTurn([boom, null, boom, null, null, boom, null]), {
      retries: 3,
    })
    await clock.advance(5)
    expect(watching.info).toMatchObject({ failures: 2, reason: 'boom' })
    expect(heard).toEqual([])
    await clock.advance(2)
    expect(watching.info).toMatchObject({ failures: 3 })
    expect(heard).toEqual(['unhealthy: boom'])
  })

  test('a success ends the row', async () => {
    const { clock, heard } = watch(inTurn([boom, boom, undefined, boom, boom]), { retries: 3 })
    await clock.advance(5)
    expect(heard).toEqual([])
  })

  test('who goes on failing is unhealthy once more after as many failures', async () => {
    const { clock, heard, watching } = watch(
      () => {
        throw boom
      },
      { retries: 2 },
    )
    await clock.advance(5)
    expect(heard).toEqual(['unhealthy: boom', 'unhealthy: boom'])
    expect(watching.info.failures).toBe(5)
  })

  test('an error may bring figures', async () => {
    const { clock, watching } = watch(() =>
      Promise.reject(Object.assign(new Error('big'), { figures: { mb: 7 } })),
    )
    await clock.advance(1)
    expect(watching.info).toMatchObject({ failures: 1, reason: 'big', figures: { mb: 7 } })
  })

  test.each([true, false, 'fine', 0, 5n, Symbol('x'), () => {}])(
    '%s is no answer, and it is said so',
    async (result) => {
      const { clock, heard, watching } = watch(() => result)
      await clock.advance(1)
      expect(watching.info).toMatchObject({ at: null, failures: 0 })
      expect(heard).toEqual([
        expect.stringMatching(/^untold: it must resolve with nothing, an object of numbers or null/),
      ])
    },
  )

  test('a check that could not look says why, and it is no verdict', async () => {
    const { clock, heard, watching } = watch(inTurn([boom, new Inconclusive('out of eyes')]), { retries: 5 })
    await clock.advance(2)
    expect(heard).toEqual(['untold: out of eyes'])
    expect(watching.info).toMatchObject({ failures: 1, reason: 'boom' })
  })
})

describe('whatever a user wrote', () => {
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
    ['rejects with what cannot be shown', () => Promise.reject(Object.create(null))],
    ['rejects with what throws when it is looked at', () => Promise.reject(hostile)],
    [
      'gives what throws when it is awaited',
      () => ({
        then() {
          throw new Error('x')
        },
      }),
    ],
  ])('a check that %s has failed, and is run again', async (_how, run) => {
    let runs = 0
    const { clock, heard } = watch(() => {
      runs++
      return run()
    })
    await clock.advance(3)
    expect(runs).toBe(3)
    expect(heard).toHaveLength(3)
    expect(heard.every((line) => line.startsWith('unhealthy: '))).toBe(true)
  })

  test('figures that throw when they are read are left out', async () => {
    const figures = Object.defineProperty({}, 'x', { enumerable: true, get: () => hostile.figures })
    const { clock, watching } = watch(() => figures)
    await clock.advance(1)
    expect(watching.info).toMatchObject({ at: expect.any(Date), figures: null })
  })

  test('a reason that is very long is cut', async () => {
    const { clock, watching } = watch(() => Promise.reject(new Error('x'.repeat(1e6))))
    await clock.advance(1)
    expect(watching.info.reason).toHaveLength(1_000)
  })

  test('a run that never ends is aborted at the close, and whatever it does then is not heard', async () => {
    const run = deferred<void>()
    const signals: AbortSignal[] = []
    const { clock, heard, watching } = watch((signal) => {
      signals.push(signal)
      return run.promise
    })
    await clock.advance(60)
    expect(signals.map(({ aborted }) => aborted)).toEqual([false])
    watching.close()
    expect(signals.map(({ aborted }) => aborted)).toEqual([true])
    expect(clock.waiting).toBe(0)
    run.reject(new Error('too late'))
    await clock.advance(60)
    expect(heard).toEqual([])
    expect(clock.waiting).toBe(0)
  })
})
