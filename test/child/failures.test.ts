import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { addCrash, allowance, backoff, resourceBackoff } from '../../src/child/failures.ts'
import { isExhaustion } from '../../src/errors.ts'

const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })

describe('the window of crashes', () => {
  /** The plainest way to say it: of all crashes ever, count those that are younger than the window. */
  const countOf = (all: readonly number[], now: number, windowMs: number): number =>
    all.filter((at) => now - at < windowMs).length

  const someCrashes = fc.record({
    gaps: fc.array(fc.double({ min: 0, max: 40_000, noNaN: true }), { minLength: 30, maxLength: 100 }),
    windowMs: fc.double({ min: 0, max: 120_000, noNaN: true }),
    max: fc.nat({ max: 8 }),
  })

  test('H16 it trips exactly when more than `max` crashes lie in the window', () => {
    let compared = 0
    let tripped = 0
    const compare = ({ gaps, windowMs, max }: { gaps: number[]; windowMs: number; max: number }): void => {
      const all: number[] = []
      let kept: readonly number[] = []
      let now = 0
      for (const gap of gaps) {
        now += gap
        all.push(now)
        kept = addCrash(kept, now, windowMs, max)
        // The crash that is being added counts, however short the window.
        const expected = Math.max(1, countOf(all, now, windowMs)) > max
        expect(kept.length > max).toBe(expected)
        compared++
        if (expected) tripped++
      }
    }
    fc.assert(fc.property(someCrashes, compare), { numRuns: 400 })
    expect(compared).toBeGreaterThan(10_000)
    expect(tripped).toBeGreaterThan(1_000)
    expect(compared - tripped).toBeGreaterThan(1_000)
  })

  test('H16 a child that crashes for ever keeps no more than one crash above what is allowed', () => {
    let kept: readonly number[] = []
    for (let now = 0; now < 10_000; now++) kept = addCrash(kept, now, 1e9, 5)
    expect(kept).toEqual([9_994, 9_995, 9_996, 9_997, 9_998, 9_999])
  })

  test('a crash stops counting when the window has passed, to the millisecond', () => {
    expect(addCrash([0], 59_999, 60_000, 1)).toEqual([0, 59_999])
    expect(addCrash([0], 60_000, 60_000, 1)).toEqual([60_000])
  })

  test('with no crash allowed the first one is too many', () => {
    expect(addCrash([], 5, 60_000, 0)).toHaveLength(1)
  })

  test('what was kept before is not changed', () => {
    const before = Object.freeze([1, 2])
    expect(addCrash(before, 3, 60_000, 1)).toEqual([2, 3])
    expect(before).toEqual([1, 2])
  })
})

describe('the wait before another try', () => {
  test('H16 the first try waits for nothing', () => {
    expect(backoff(0, 0.99)).toBe(0)
    expect(backoff(-1, 0.99)).toBe(0)
  })

  test.each([
    [1, 200],
    [2, 400],
    [3, 800],
    [7, 12_800],
    [8, 25_600],
    [9, 30_000],
    [5_000, 30_000],
  ])('H16 try %i waits for at most %i ms', (step, ceiling) => {
    expect(backoff(step, 1)).toBe(ceiling)
    expect(backoff(step, 0.5)).toBe(ceiling / 2)
    expect(backoff(step, 0)).toBe(100)
  })

  test('H16 no wait is shorter than 100 ms or longer than 30 s, however long it goes on', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1e9 }), random, (step, chance) => {
        const wait = backoff(step, chance)
        expect(wait).toBeGreaterThanOrEqual(100)
        expect(wait).toBeLessThanOrEqual(30_000)
      }),
    )
  })

  test('H11 a machine that is exhausted is given at least a second', () => {
    fc.assert(
      fc.property(fc.nat({ max: 1e6 }), random, (step, chance) => {
        const wait = resourceBackoff(step, chance)
        expect(wait).toBeGreaterThanOrEqual(1_000)
        expect(wait).toBeLessThanOrEqual(31_000)
      }),
    )
    expect(resourceBackoff(3, 1)).toBeGreaterThan(resourceBackoff(1, 1))
  })
})

describe('the kinds of failure', () => {
  test.each(['EMFILE', 'ENFILE', 'EAGAIN', 'ENOMEM', 'ENOSPC', 'ENOBUFS'])(
    'H11 %s says that the machine has run out of something',
    (code) => expect(isExhaustion(code)).toBe(true),
  )

  test.each(['ENOENT', 'EACCES', 'EROFS', 'E2BIG', 'EADDRINUSE', '', undefined])(
    'H11 %s says nothing of the kind',
    (code) => expect(isExhaustion(code)).toBe(false),
  )

  test('only the failures of the child count towards `attempts`; the others have bounds of their own', () => {
    for (const attempts of [1, 3, 20]) {
      expect(allowance('child', attempts)).toBe(attempts)
      expect(allowance('address', attempts)).toBe(attempts + 3)
      expect(allowance('resource', attempts)).toBe(10)
    }
  })
})
