import { expect, test } from 'vitest'
import { SpinnerError } from '../../src/errors.ts'
import { type Deferred, deferred } from '../../src/promises.ts'
import { realSys } from '../../src/sys.ts'
import type { StartOptions } from '../../src/types/options.ts'
import { failureOf, lives, ready, sleeper, watched } from '../support/children.ts'
import { newSpinner, until } from '../support/host.ts'

test('H29 the last word of a listener of `stopped` wins: start and then stop ends stopped', async () => {
  const { pids, sys } = watched()
  const spinner = newSpinner({}, sys)
  const child = spinner.start(sleeper('a'))
  await child
  const asked: Promise<unknown>[] = []
  child.once('stopped', () => {
    asked.push(failureOf(ready(spinner.start('a'))))
    asked.push(failureOf(spinner.stop('a')))
  })
  await child.stop()
  await until(() => asked.length === 2)
  const [started, stopped] = await Promise.all(asked)
  expect(started).toMatchObject({ code: 'ERR_SPINNER_STOPPED' })
  expect(stopped).toBeNull()
  expect(child).toMatchObject({ state: 'stopped', pid: null })
  expect(pids.filter(lives)).toEqual([])
})

test('H29 a start in a listener of `faulted` is awaited to its real outcome', async () => {
  const spinner = newSpinner({ attempts: 1, faultTimeout: 0 }, watched().sys)
  const tries: Deferred<void>[] = []
  const options: StartOptions = {
    ...sleeper('a'),
    ready: () => {
      tries.push(deferred())
      return tries.at(-1)?.promise
    },
  }
  const child = spinner.start(options)
  let again: Promise<unknown> | null = null
  let isSettled = false
  child.once('faulted', () => {
    again = ready(spinner.start('a')).finally(() => {
      isSettled = true
    })
    again.catch(() => {})
  })
  const failure = failureOf(ready(child))
  await until(() => tries.length === 1)
  tries[0]?.reject(new Error('not yet'))
  expect(await failure).toMatchObject({ code: 'ERR_SPINNER_NOT_READY' })
  await until(() => tries.length === 2)
  expect(isSettled).toBe(false)
  tries[1]?.resolve()
  expect(await again).toBeNull()
  expect(child.state).toBe('started')
})

test('H29 the last word of a listener of `started` wins: stop and then start ends started', async () => {
  const { pids, sys } = watched()
  const spinner = newSpinner({}, sys)
  const asked: Promise<unknown>[] = []
  const child = spinner.start(sleeper('a'))
  child.once('started', () => {
    asked.push(failureOf(spinner.stop('a')))
    asked.push(failureOf(ready(spinner.start('a'))))
  })
  await child
  await until(() => asked.length === 2)
  expect(await Promise.all(asked)).toEqual([null, null])
  expect(child).toMatchObject({ state: 'started', pid: pids[1] })
  expect(pids.map(lives)).toEqual([false, true])
})

test('H29 a listener that starts a child while close() runs leaves no process', async () => {
  const { clock, pids, sys } = watched()
  const spinner = newSpinner({}, sys)
  const ups: string[] = []
  spinner.on('output', (_child, _stream, line) => ups.push(line))
  const args = ['-c', "trap '' TERM; echo up; sleep 600; :"]
  const child = spinner.start(sleeper('quick'))
  await Promise.all([child, spinner.start({ ...sleeper('slow'), command: 'sh', args })])
  await until(() => ups.length === 1)
  const refusals: (string | undefined)[] = []
  let closed: Promise<void> | null = null
  child.once('stopped', () => {
    child.once('stopped', () => {
      for (const name of ['quick', 'other']) {
        const error = failureOf((async () => ready(spinner.start(sleeper(name))))())
        void error.then((thrown) => refusals.push(thrown?.code))
      }
      void failureOf(child.restart()).then((thrown) => refusals.push(thrown?.code))
    })
    ready(spinner.start('quick')).catch(() => {})
    closed = spinner.close()
  })
  await child.stop()
  await until(() => refusals.length === 3)
  await clock.advance(30)
  await closed
  expect(refusals).toEqual(Array.from({ length: 3 }, () => 'ERR_SPINNER_CLOSED'))
  expect(pids.filter(lives)).toEqual([])
})

test('options given while a start waits for its turn are all used at its spawn, and none of the earlier', async () => {
  const { pids, sys } = watched()
  const spinner = newSpinner({ concurrency: 1 }, sys)
  const first = deferred<void>()
  const blocker = spinner.start({ ...sleeper('blocker'), ready: () => first.promise })
  await until(() => pids.length === 1)
  const child = spinner.start(sleeper('a'))
  for (let turn = 0; turn < 5; turn++) await realSys.nextTurn()
  spinner.start({ ...sleeper('a'), args: ['601'], listen: 'port', ready: 'spawn' })
  first.resolve()
  await blocker
  const address = await child
  expect(address).toBeTypeOf('number')
  expect(child.info()).toMatchObject({ address, options: { listen: 'port', args: ['601'], ready: 'spawn' } })
  expect(pids).toHaveLength(2)
})

test('a start whose options are others in every turn is spawned all the same', async () => {
  const { pids, sys } = watched()
  const spinner = newSpinner({ concurrency: 1 }, sys)
  const child = spinner.start(sleeper('a'))
  for (let turn = 0; turn < 50 && pids.length === 0; turn++) {
    spinner.start({ ...sleeper('a'), args: [`60${turn}`] })
    await realSys.nextTurn()
  }
  expect(pids).toHaveLength(1)
  await child
})

test('options given while a process boots do not show in the picture of that process', async () => {
  const { pids, sys } = watched()
  const spinner = newSpinner({}, sys)
  const up = deferred<void>()
  const child = spinner.start({ ...sleeper('a'), ready: () => up.promise })
  await until(() => pids.length === 1 && child.pid)
  spinner.start({ ...sleeper('a'), args: ['602'], idleTimeSec: 7 })
  expect(child.info().options).toMatchObject({ args: ['600'], idleTimeSec: 1800 })
  up.resolve()
  await child
  expect(child.info().options).toMatchObject({ args: ['600'], idleTimeSec: 1800 })
  await child.restart()
  expect(child.info().options).toMatchObject({ args: ['602'], idleTimeSec: 7 })
})

/** What the start of `web` fails with when its `ready` throws this. */
async function failureThrough(thrown: Error): Promise<unknown> {
  const spinner = newSpinner({ attempts: 1 })
  const fails = (): never => {
    throw thrown
  }
  return failureOf(ready(spinner.start({ ...sleeper('web'), ready: fails })))
}

const frozen = (child: { child?: string }): Error =>
  Object.freeze(new SpinnerError('ERR_SPINNER_NOT_READY', 'mine', child))

test.each([
  ['a frozen error', Object.freeze(new Error('mine'))],
  ['a frozen error of spinner', frozen({ child: 'web' })],
  ['a frozen error of spinner that names no child', frozen({})],
])('%s that `ready` throws is the cause of the child’s own error', async (_what, thrown) => {
  const failure = await failureThrough(thrown)
  expect(failure).not.toBe(thrown)
  expect(failure).toMatchObject({ code: 'ERR_SPINNER_NOT_READY', child: 'web', attempts: 1 })
  expect((failure as Error).cause).toBe(thrown)
})

test('another child’s error that `ready` throws is the cause of the child’s own error, unchanged', async () => {
  const spinner = newSpinner({ attempts: 3 })
  const db = spinner.start({ name: 'db', command: '/no/such', listen: null })
  const thrown = (await failureOf(ready(db))) as SpinnerError
  const before = { ...thrown, message: thrown.message, cause: thrown.cause }
  const failure = await failureThrough(thrown)
  expect(failure).not.toBe(thrown)
  expect(failure).toMatchObject({ child: 'web', attempts: 1 })
  expect((failure as Error).cause).toBe(thrown)
  expect({ ...thrown, message: thrown.message, cause: thrown.cause }).toEqual(before)
  expect(before).toMatchObject({ child: 'db' })
})

test('H16 with `restartTolerance: 0` the waits between restarts grow from crash to crash', async () => {
  const { clock, pids, sys } = watched({ random: () => 1 })
  const waits: number[] = []
  const setTimeout = clock.setTimeout
  clock.setTimeout = (action, ms) => {
    waits.push(ms)
    return setTimeout(action, ms)
  }
  const spinner = newSpinner({ restartTolerance: 0 }, sys)
  const child = spinner.start(sleeper('ill'))
  const crash = async (count: number): Promise<void> => {
    await until(() => pids.length === count && child.state === 'started')
    process.kill(child.pid as number, 'SIGKILL')
    await until(() => child.info().crashes === count)
  }
  await crash(1)
  await crash(2)
  for (const [index, ms] of [200, 400, 800, 1_600].entries()) {
    await until(() => waits.includes(ms))
    await clock.advance((ms - 1) / 1_000)
    expect(pids).toHaveLength(index + 2)
    await clock.advance(0.001)
    await crash(index + 3)
  }
  expect(child.info().crashes).toBe(6)
})
