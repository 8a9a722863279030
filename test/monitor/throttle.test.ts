import { expect, test } from 'vitest'
import { Throttle } from '../../src/monitor/throttle.ts'
import { FakeClock } from '../support/clock.ts'

interface Throttled {
  readonly clock: FakeClock
  readonly throttle: Throttle
  readonly reports: string[]
  readonly warnings: string[]
}

function throttled(quietSeconds = 0.1): Throttled {
  const clock = new FakeClock()
  const reports: string[] = []
  const warnings: string[] = []
  const throttle = new Throttle(clock, quietSeconds * 1_000, {
    changed: (file) => reports.push(file),
    warn: (message) => warnings.push(message),
  })
  return { clock, throttle, reports, warnings }
}

/** Reports changes of one file every `everySeconds`. */
async function change({ clock, throttle }: Throttled, times: number, everySeconds: number): Promise<void> {
  for (let time = 0; time < times; time++) {
    throttle.changed('/app/data.json')
    await clock.advance(everySeconds)
  }
}

test('changes are reported as one after the given time without a further change', async () => {
  const { clock, throttle, reports } = throttled(0.5)
  throttle.changed('/app/a.js')
  await clock.advance(0.4)
  throttle.changed('/app/b.js')
  throttle.changed('/app/b.js')
  await clock.advance(0.4)
  expect(reports).toEqual([])
  await clock.advance(0.1)
  expect(reports).toEqual(['/app/a.js and 1 more'])
  expect(clock.waiting).toBe(0)
})

test('H40 two reports are at least a second apart', async () => {
  const { clock, throttle, reports } = throttled()
  throttle.changed('/app/a.js')
  await clock.advance(0.1)
  throttle.changed('/app/b.js')
  await clock.advance(0.9)
  expect(reports).toEqual(['/app/a.js'])
  await clock.advance(0.1)
  expect(reports).toEqual(['/app/a.js', '/app/b.js'])
})

test('H40 changes every second for a minute cause at most 7 reports and one warning that names the file', async () => {
  const storm = throttled()
  await change(storm, 60, 1)
  expect(storm.reports.length).toBeGreaterThan(4)
  expect(storm.reports.length).toBeLessThanOrEqual(7)
  expect(storm.warnings).toHaveLength(1)
  expect(storm.warnings[0]).toContain('/app/data.json')
})

test('H40 the last change of a storm is reported, and after a quiet time changes are reported at once again', async () => {
  const storm = throttled()
  await change(storm, 10, 1)
  const before = storm.reports.length
  await storm.clock.advance(120)
  expect(storm.reports).toHaveLength(before + 1)
  storm.throttle.changed('/app/main.js')
  await storm.clock.advance(0.1)
  expect(storm.reports.at(-1)).toBe('/app/main.js')
  expect(storm.clock.waiting).toBe(0)
})

test('changes that never cease are reported after a minute', async () => {
  const storm = throttled()
  await change(storm, 1_100, 0.055)
  expect(storm.reports).toEqual(['/app/data.json'])
})

test('nothing is reported after close()', async () => {
  const { clock, throttle, reports } = throttled()
  throttle.changed('/app/a.js')
  throttle.close()
  expect(clock.waiting).toBe(0)
  await clock.advance(10)
  expect(reports).toEqual([])
})
