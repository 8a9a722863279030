import { expect, test } from 'vitest'
import { Throttle } from '../../src/monitor/throttle.ts'
import { FakeClock } from '../support/clock.ts'

interface Pace {
  readonly clock: FakeClock
  readonly pacer: Throttle
  readonly told: string[]
  readonly warnings: string[]
}

function pace(quietSeconds = 0.1): Pace {
  const clock = new FakeClock()
  const told: string[] = []
  const warnings: string[] = []
  const pacer = new Throttle(clock, quietSeconds * 1_000, {
    changed: (file) => told.push(file),
    warn: (message) => warnings.push(message),
  })
  return { clock, pacer, told, warnings }
}

/** Changes one file every so many seconds. */
async function change({ clock, pacer }: Pace, times: number, everySeconds: number): Promise<void> {
  for (let time = 0; time < times; time++) {
    pacer.changed('/app/data.json')
    await clock.advance(everySeconds)
  }
}

test('changes are told as one when it has been quiet for as long as was asked', async () => {
  const { clock, pacer, told } = pace(0.5)
  pacer.changed('/app/a.js')
  await clock.advance(0.4)
  pacer.changed('/app/b.js')
  pacer.changed('/app/b.js')
  await clock.advance(0.4)
  expect(told).toEqual([])
  await clock.advance(0.1)
  expect(told).toEqual(['/app/a.js and 1 more'])
  expect(clock.waiting).toBe(0)
})

test('H40 two changes are told at least a second apart', async () => {
  const { clock, pacer, told } = pace()
  pacer.changed('/app/a.js')
  await clock.advance(0.1)
  pacer.changed('/app/b.js')
  await clock.advance(0.9)
  expect(told).toEqual(['/app/a.js'])
  await clock.advance(0.1)
  expect(told).toEqual(['/app/a.js', '/app/b.js'])
})

test('H40 changes every second for a minute are told at most 7 times, with one warning that names the file', async () => {
  const storm = pace()
  await change(storm, 60, 1)
  expect(storm.told.length).toBeGreaterThan(4)
  expect(storm.told.length).toBeLessThanOrEqual(7)
  expect(storm.warnings).toHaveLength(1)
  expect(storm.warnings[0]).toContain('/app/data.json')
})

test('H40 the last change of a storm is told, and after a quiet time changes are told at once again', async () => {
  const storm = pace()
  await change(storm, 10, 1)
  const before = storm.told.length
  await storm.clock.advance(120)
  expect(storm.told).toHaveLength(before + 1)
  storm.pacer.changed('/app/main.js')
  await storm.clock.advance(0.1)
  expect(storm.told.at(-1)).toBe('/app/main.js')
  expect(storm.clock.waiting).toBe(0)
})

test('changes that never leave it quiet are told after a minute all the same', async () => {
  const storm = pace()
  await change(storm, 1_100, 0.055)
  expect(storm.told).toEqual(['/app/data.json'])
})

test('nothing is told after the end', async () => {
  const { clock, pacer, told } = pace()
  pacer.changed('/app/a.js')
  pacer.close()
  expect(clock.waiting).toBe(0)
  await clock.advance(10)
  expect(told).toEqual([])
})
