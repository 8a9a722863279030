import { describe, expect, test } from 'vitest'
import { CheckRunner } from '../../src/checks/runner.ts'
import { StallDetector } from '../../src/checks/stall-detector.ts'
import type { Clock } from '../../src/sys.ts'
import { FakeClock, sysWith } from '../support/clock.ts'

/** Of a host that can stand still: then its timers are late, or its two clocks go apart. */
class UnevenClock implements Clock {
  /** Milliseconds that have passed unseen. */
  lag = 0
  /** Milliseconds that the wall clock alone has gone on. */
  sleep = 0
  readonly #even = new FakeClock()

  now = (): number => this.#even.now() + this.lag
  date = (): number => this.#even.date() + this.lag + this.sleep
  setTimeout = this.#even.setTimeout
  clearTimeout = this.#even.clearTimeout
  advance = (seconds: number): Promise<void> => this.#even.advance(seconds)
}

describe('the heartbeat of a host', () => {
  test('has one timer for all who listen, and none while nobody does', async () => {
    const clock = new FakeClock()
    const heartbeat = new StallDetector(clock)
    expect(clock.waiting).toBe(0)
    const pulses = [heartbeat.listen(), heartbeat.listen()]
    await clock.advance(10)
    expect(clock.waiting).toBe(1)
    expect(pulses.map((pulse) => pulse.wasDisturbed())).toEqual([false, false])
    pulses[0]?.end()
    pulses[0]?.end()
    expect(clock.waiting).toBe(1)
    pulses[1]?.end()
    expect(clock.waiting).toBe(0)
  })

  test.each([
    [150, false],
    [300, true],
    [5_000, true],
  ])('H20 that stood still for %i ms was disturbed: %s', async (ms, disturbed) => {
    const clock = new UnevenClock()
    const pulse = new StallDetector(clock).listen()
    await clock.advance(1)
    clock.lag += ms
    expect(pulse.wasDisturbed()).toBe(disturbed)
    await clock.advance(1)
    expect(pulse.wasDisturbed()).toBe(disturbed)
    pulse.end()
  })

  test.each([
    [4_000, false],
    [6_000, true],
    [-86_400_000, true],
  ])('H19 whose clocks went apart by %i ms was disturbed: %s', async (ms, disturbed) => {
    const clock = new UnevenClock()
    const pulse = new StallDetector(clock).listen()
    await clock.advance(1)
    clock.sleep += ms
    expect(pulse.wasDisturbed()).toBe(disturbed)
    pulse.end()
  })

  test('what happened before somebody listened, or between two who did, is not his', async () => {
    const clock = new UnevenClock()
    const heartbeat = new StallDetector(clock)
    const first = heartbeat.listen()
    clock.lag += 800
    const second = heartbeat.listen()
    expect([first, second].map((pulse) => pulse.wasDisturbed())).toEqual([true, false])
    first.end()
    second.end()
    clock.lag += 800
    clock.sleep += 60_000
    const third = heartbeat.listen()
    expect(third.wasDisturbed()).toBe(false)
    third.end()
  })
})

/** A check that times out after a second unless it is answered before; it never is, but for a success at the end. */
function timingOut(clock: UnevenClock) {
  const heard: string[] = []
  const run = (): Promise<void> =>
    new Promise((_resolve, reject) => clock.setTimeout(() => reject(new Error('timed out')), 1_000))
  const check = { name: 'a', interval: 1, retries: 1, run }
  const told = { unhealthy: (reason: string) => void heard.push(reason), untold: () => {} }
  return {
    heard,
    watch: new CheckRunner(
      { sys: sysWith({ clock }), stallDetector: new StallDetector(clock) },
      check,
      run,
      told,
    ),
  }
}

describe('a check that fails', () => {
  test('H20 while the host stood still gives no verdict, and one that fails later does', async () => {
    const clock = new UnevenClock()
    const { heard, watch } = timingOut(clock)
    for (let time = 0; time < 50; time++) {
      await clock.advance(1.5)
      clock.lag += 800
      await clock.advance(0.5)
    }
    expect(heard).toEqual([])
    expect(watch.info).toMatchObject({ at: null, failures: 0 })
    await clock.advance(2)
    expect(heard).toEqual(['timed out'])
    watch.close()
  })

  test('H19 while the machine slept gives no verdict', async () => {
    const clock = new UnevenClock()
    const { heard, watch } = timingOut(clock)
    await clock.advance(1.5)
    clock.sleep += 3_600_000
    await clock.advance(0.5)
    expect(heard).toEqual([])
    watch.close()
  })

  test('H19 is heard whatever the wall clock did between two runs', async () => {
    const clock = new UnevenClock()
    const { heard, watch } = timingOut(clock)
    clock.sleep += 86_400_000
    await clock.advance(2)
    expect(heard).toEqual(['timed out'])
    watch.close()
  })
})
