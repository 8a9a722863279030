import { afterEach, expect, test } from 'vitest'
import { endPuppets, puppet, ready, sleeper, startedPuppet, watched } from '../support/children.ts'
import { newSpinner } from '../support/host.ts'

afterEach(endPuppets)

const REASON = new Error('I have waited long enough')

test('a signal ends the wait of the start call that got it, and no other', async () => {
  const it = puppet()
  await it.up()
  const ending = new AbortController()
  const impatient = it.spinner.start({ name: 'puppet', signal: ending.signal })
  const patient = ready(it.spinner.start('puppet'))
  ending.abort(REASON)
  await expect(ready(impatient)).rejects.toBe(REASON)
  expect(it.child.state).toBe('starting')
  it.opened.resolve()
  await Promise.all([patient, it.wait])
  expect(it.child.state).toBe('started')
  expect(impatient.state).toBe('started')
  expect(it.pids).toHaveLength(1)
})

test('a signal ends the wait of a stop, and the stop goes on', async () => {
  const { it } = await startedPuppet()
  const ending = new AbortController()
  const impatient = it.spinner.stop('puppet', { signal: ending.signal })
  const patient = it.spinner.stop('puppet')
  ending.abort(REASON)
  await expect(impatient).rejects.toBe(REASON)
  expect(it.child.state).toBe('stopping')
  await it.clock.advance(31)
  await patient
  expect(it.child.state).toBe('stopped')
})

test('a signal ends the wait of a restart, and the restart goes on', async () => {
  const { it } = await startedPuppet()
  const ending = new AbortController()
  const impatient = it.spinner.restart('puppet', { signal: ending.signal })
  const patient = it.spinner.restart('puppet')
  ending.abort(REASON)
  await expect(impatient).rejects.toBe(REASON)
  expect(it.child.state).toBe('restart')
  await it.clock.advance(31)
  await patient
  expect(it.pids).toHaveLength(2)
})

test('a signal ends the wait of an acquire, which then holds no lease', async () => {
  const it = puppet()
  await it.up()
  const ending = new AbortController()
  const impatient = it.spinner.acquire('puppet', { signal: ending.signal })
  const patient = it.spinner.acquire('puppet')
  ending.abort(REASON)
  await expect(impatient).rejects.toBe(REASON)
  it.opened.resolve()
  await patient
  expect(it.child.info().leases).toBe(1)
})

test('a start with an aborted signal spawns nothing', async () => {
  const { sys, pids } = watched()
  const spinner = newSpinner({}, sys)
  const child = spinner.start({ ...sleeper('a'), signal: AbortSignal.abort(REASON) })
  await expect(ready(child)).rejects.toBe(REASON)
  expect(child.state).toBe('stopped')
  expect(pids).toEqual([])
})

test('an aborted signal rejects each call with its reason, even if there is nothing to wait for', async () => {
  const spinner = newSpinner()
  await spinner.start(sleeper('a'))
  const signal = AbortSignal.abort(REASON)
  await expect(ready(spinner.start({ name: 'a', signal }))).rejects.toBe(REASON)
  await expect(spinner.acquire('a', { signal })).rejects.toBe(REASON)
  expect(spinner.get('a')).toMatchObject({ state: 'started', leases: 0 })
})

test('a signal that is aborted after the result changes nothing', async () => {
  const spinner = newSpinner()
  const ending = new AbortController()
  const child = spinner.start({ ...sleeper('a'), signal: ending.signal })
  await child
  ending.abort(REASON)
  expect(await child).toBeNull()
  expect(child.state).toBe('started')
})

test('an aborted call that is not awaited is not an unhandled rejection', async () => {
  const unhandled: unknown[] = []
  const listener = (reason: unknown): void => void unhandled.push(reason)
  process.on('unhandledRejection', listener)
  const { it } = await startedPuppet()
  const ending = new AbortController()
  const { signal } = ending
  it.spinner.start({ name: 'puppet', signal })
  void it.spinner.acquire('puppet', { signal })
  void it.child.restart({ signal })
  void it.child.stop({ signal })
  ending.abort(REASON)
  await it.clock.advance(31)
  process.off('unhandledRejection', listener)
  expect(unhandled).toEqual([])
})
