import { expect, test } from 'vitest'
import { watchHealth } from '../../src/checks/check.ts'
import { FakeClock } from '../support/clock.ts'

test('H21 a slow check is never run twice at once, and the next run is timed from its end', async () => {
  const clock = new FakeClock()
  let begun = 0
  let end = (): void => {}
  const run = (): Promise<void> => {
    begun++
    return new Promise((resolve) => {
      end = resolve
    })
  }
  const check = { name: 'slow', interval: 1, retries: 1, run }
  const stop = watchHealth(clock, check, run, () => {})
  await clock.advance(30)
  expect(begun).toBe(1)
  end()
  await clock.advance(0)
  await clock.advance(0.5)
  expect(begun).toBe(1)
  await clock.advance(0.5)
  expect(begun).toBe(2)
  stop()
  end()
  await clock.advance(30)
  expect(begun).toBe(2)
  expect(clock.waiting).toBe(0)
})
