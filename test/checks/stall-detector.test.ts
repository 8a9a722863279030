import { describe, expect, test } from 'vitest'
import { CheckRunner } from '../../src/checks/runner.ts'
import { StallDetector } from '../../src/checks/stall-detector.ts'
import type { Clock } from '../../src/sys.ts'
import { FakeClock, sysWith } from '../support/clock.ts'

/** Clock of a host that can be blocked, which makes timers late, or suspended, which makes its two clocks differ. */
class UnevenClock implements Clock {
  /** Milliseconds during which the host was blocked. */
  lag = 0
  /** Milliseconds by which only the wall clock has advanced. */
  sleep = 0
  readonly #even = new FakeClock()

  now = (): number => this.#even.now() + this.lag
  date = (): number => this.#even.date() + this.lag + this.sleep
  setTimeout = this.#even.setTimeout
  clearTimeout = this.#even.clearTimeout
  advance = (seconds: number): Promise<void> => this.#even.advance(seconds)
}

describe('the detector of stalls', () => {
  test('has one timer for all watches, and none while there is no watch', async () => {
    const clock = new FakeClock()
    const detector = new StallDetector(clock)
    expect(clock.waiting).toBe(0)
    const watches = [detector.watch(), detector.watch()]
    await clock.advance(10)
    expect(clock.waiting).toBe(1)
    expect(watches.map((watch) => watch.hasStalled())).toEqual([false, false])
    watches[0]?.end()
    watches[0]?.end()
    expect(clock.waiting).toBe(1)
    watches[1]?.end()
    expect(clock.waiting).toBe(0)
  })

  test.each([
    [150, false],
    [300, true],
    [5_000, true],
  ])('H20 reports for a host that was blocked for %i ms: %s', async (ms, stalled) => {
    const clock = new UnevenClock()
    const watch = new StallDetector(clock).watch()
    await clock.advance(1)
    clock.lag += ms
    expect(watch.hasStalled()).toBe(stalled)
    await clock.advance(1)
    expect(watch.hasStalled()).toBe(stalled)
    watch.end()
  })

  test.each([
    [4_000, false],
    [6_000, true],
    [-86_400_000, true],
  ])('H19 reports for a host whose clocks drifted apart by %i ms: %s', async (ms, stalled) => {
    const clock = new UnevenClock()
    const watch = new StallDetector(clock).watch()
    await clock.advance(1)
    clock.sleep += ms
    expect(watch.hasStalled()).toBe(stalled)
    watch.end()
  })

  test('reports only stalls that happen during a watch', async () => {
    const clock = new UnevenClock()
    const detector = new StallDetector(clock)
    const first = detector.watch()
    clock.lag += 800
    const second = detector.watch()
    expect([first, second].map((watch) => watch.hasStalled())).toEqual([true, false])
    first.end()
    second.end()
    clock.lag += 800
    clock.sleep += 60_000
    const third = detector.watch()
    expect(third.hasStalled()).toBe(false)
    third.end()
  })
})

/** Runs a check that times out after a second each time. */
function timingOut(clock: UnevenClock) {
  const heard: string[] = []
  const run = (): Promise<void> =>
    new Promise((_resolve, reject) => clock.setTimeout(() => reject(new Error('timed out')), 1_000))
  const check = { name: 'a', interval: 1, retries: 1, run }
  const listener = { unhealthy: (reason: string) => void heard.push(reason), unknown: () => {} }
  return {
    heard,
    runner: new CheckRunner(
      { sys: sysWith({ clock }), stallDetector: new StallDetector(clock) },
      check,
      run,
      listener,
    ),
  }
}

describe('a check that fails', () => {
  test('H20 while the host was blocked does not count, and one that fails later counts', async () => {
    const clock = new UnevenClock()
    const { heard, runner } = timingOut(clock)
    for (let time = 0; time < 50; time++) {
      await clock.advance(1.5)
      clock.lag += 800
      await clock.advance(0.5)
    }
    expect(heard).toEqual([])
    expect(runner.info).toMatchObject({ at: null, failures: 0 })
    await clock.advance(2)
    expect(heard).toEqual(['timed out'])
    runner.close()
  })

  test('H19 while the machine was suspended does not count', async () => {
    const clock = new UnevenClock()
    const { heard, runner } = timingOut(clock)
    await clock.advance(1.5)
    clock.sleep += 3_600_000
    await clock.advance(0.5)
    expect(heard).toEqual([])
    runner.close()
  })

  test('H19 counts if the wall clock changed only between two runs', async () => {
    const clock = new UnevenClock()
    const { heard, runner } = timingOut(clock)
    clock.sleep += 86_400_000
    await clock.advance(2)
    expect(heard).toEqual(['timed out'])
    runner.close()
  })
})
