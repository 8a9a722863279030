import { expect, test } from 'vitest'
import { newSpinner, next, until } from '../support/host.ts'
import { shell } from '../support/hosts.ts'

const talker = (name: string) => shell(name, 'echo here; exec sleep 600')

test('a child remembers while it sleeps what it was, and goes on from there', async () => {
  const spinner = newSpinner({ maxRestarts: 5 })
  const child = spinner.start(talker('a'))
  await child
  await until(() => child.info().output.length === 1, 'its line')
  const again = next(child, 'restarted')
  process.kill(child.pid as number, 'SIGKILL')
  await again
  await until(() => child.info().output.length === 2, 'both lines')
  const { crashes, output, readyAt, restarts, startedAt } = child.info()
  expect({ crashes, output, restarts }).toEqual({ crashes: 1, output: ['here', 'here'], restarts: 1 })
  await child.stop()
  const asleep = child.info()
  expect(asleep).toMatchObject({ state: 'stopped', pid: null, address: null, reason: 'it was asked to stop' })
  expect(asleep).toMatchObject({
    crashes,
    output,
    readyAt,
    restarts,
    startedAt,
    lastExit: { signal: 'SIGTERM' },
  })
  await spinner.start('a')
  await until(() => child.info().output.length === 3, 'its third line')
  await child.restart()
  await until(() => child.info().output.length === 4, 'all lines')
  expect(child.info()).toMatchObject({ crashes: 1, restarts: 2, lastExit: { signal: 'SIGTERM' } })
})

test('the picture of a child that sleeps is made once, and anew when anything is different', async () => {
  const spinner = newSpinner()
  const child = spinner.define({ ...talker('a'), idleTimeSec: 5 })
  const before = child.info()
  expect(before).toMatchObject({ state: 'stopped', startedAt: null, reason: 'it has not been started' })
  expect(spinner.get('a')).toBe(before)
  await spinner.start({ ...talker('a'), idleTimeSec: 7 })
  await child.stop()
  const after = child.info()
  expect(after).toMatchObject({ state: 'stopped', options: { idleTimeSec: 7 } })
  expect(spinner.list()['a']).toBe(after)
})

test('a child that has slept, run and slept again with the same options is shown as it is by then', async () => {
  const spinner = newSpinner()
  const child = spinner.start(talker('a'))
  await child
  await child.stop()
  const { startedAt } = child.info()
  await spinner.start('a')
  const { pid } = child
  await child.restart()
  expect(child.pid).not.toBe(pid)
  await child.stop()
  expect(child.info()).toMatchObject({ state: 'stopped', restarts: 1 })
  expect(child.info().startedAt).not.toBe(startedAt)
})

test('a listener that starts a child again as it stops meets one that goes on', async () => {
  const spinner = newSpinner()
  const child = spinner.start(talker('a'))
  await child
  child.once('stopped', () => void spinner.start('a'))
  await child.stop()
  await next(child, 'started')
  expect(child.info()).toMatchObject({ state: 'started', restarts: 0 })
})
