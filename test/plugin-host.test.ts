import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { deferred } from '../src/promises.ts'
import type { Plugin } from '../src/types/plugin.ts'
import type { Spinner } from '../src/types/spinner.ts'
import { failureOf, ready, sleeper, watched } from './support/children.ts'
import { newSpinner, next, until } from './support/host.ts'

/** Returns whether a promise has settled after some turns of the event loop. */
const stateOf = async (promise: Promise<unknown>): Promise<'pending' | 'settled'> => {
  let state: 'pending' | 'settled' = 'pending'
  const settle = (): void => {
    state = 'settled'
  }
  promise.then(settle, settle)
  for (let count = 0; count < 50; count++) await turn()
  return state
}

/** Returns a plugin that logs the calls of its hooks in order. */
const scribe = (name: string, log: string[], members: Partial<Plugin> = {}): Plugin => ({
  name,
  setup: () => void log.push(`${name} setup`),
  ready: (child) => void log.push(`${name} ready ${child.state}`),
  drain: (_child, reason) => void log.push(`${name} drain: ${reason}`),
  gone: (child) => void log.push(`${name} gone ${child.pid}`),
  close: () => void log.push(`${name} close`),
  ...members,
})

test('plugins are called in the order in which they were added, each hook at the right time', async () => {
  const log: string[] = []
  const spinner = newSpinner({ plugins: [scribe('a', log)] })
  spinner.use(scribe('b', log))
  spinner.on('started', () => void log.push('started'))
  spinner.on('stopped', () => void log.push('stopped'))
  await spinner.start(sleeper('x'))
  await spinner.stop('x')
  await spinner.close()
  expect(log.filter((line) => line !== 'stopped')).toEqual([
    'a setup',
    'b setup',
    'a ready starting',
    'b ready starting',
    'started',
    'a drain: it was asked to stop',
    'b drain: it was asked to stop',
    'a gone null',
    'b gone null',
    'a close',
    'b close',
  ])
  expect(log).toContain('stopped')
})

test('spinner awaits ready and drain, one plugin after the other', async () => {
  const log: string[] = []
  const [readied, drained] = [deferred<void>(), deferred<void>()]
  const first = scribe('a', log, { ready: () => readied.promise, drain: () => drained.promise })
  const spinner = newSpinner({ plugins: [first, scribe('b', log)] })
  const child = spinner.start(sleeper('x'))
  await until(() => child.pid !== null)
  await new Promise((resolve) => setImmediate(resolve))
  expect(log).toEqual(['a setup', 'b setup'])
  expect(child.state).toBe('starting')
  readied.resolve()
  await child
  expect(log).toContain('b ready starting')
  const pid = child.pid as number
  const stop = child.stop()
  await new Promise((resolve) => setImmediate(resolve))
  expect(log.some((line) => line.startsWith('b drain'))).toBe(false)
  expect(() => process.kill(pid, 0)).not.toThrow()
  drained.resolve()
  await stop
  expect(log.some((line) => line.startsWith('b drain'))).toBe(true)
})

test('an error thrown by ready, drain or gone becomes an error event, and the child goes on', async () => {
  const fail = (hook: string) => async (): Promise<void> => {
    throw new Error(`${hook} failed`)
  }
  const log: string[] = []
  const hooks = { ready: fail('ready'), drain: fail('drain'), gone: fail('gone') }
  const spinner = newSpinner({ plugins: [scribe('a', log, hooks), scribe('b', log)] })
  const errors: string[] = []
  spinner.on('error', (child, error) => void errors.push(`${child.name}: ${error.message}`))
  await spinner.start(sleeper('x'))
  await spinner.stop('x')
  await until(() => errors.length === 3)
  expect(errors).toEqual(['x: ready failed', 'x: drain failed', 'x: gone failed'])
  expect(log).toEqual([
    'a setup',
    'b setup',
    'b ready starting',
    'b drain: it was asked to stop',
    'b gone null',
  ])
})

test('an error thrown by setup or close is a line in the log', async () => {
  const lines: string[] = []
  const quiet = (): void => {}
  const logger = { info: quiet, warn: quiet, debug: quiet, error: (line: string) => void lines.push(line) }
  const fail = (): never => {
    throw new Error('no')
  }
  const spinner = newSpinner({ logger, plugins: [{ name: 'a', setup: fail, close: fail }] })
  await spinner.start(sleeper('x'))
  await spinner.close()
  expect(lines).toEqual([
    expect.stringContaining("[spinner] the setup of plugin 'a' threw: no (at "),
    expect.stringContaining("[spinner] the close of plugin 'a' threw: no (at "),
  ])
})

test('the close of a spinner waits for the close of each plugin', async () => {
  const [first, second] = [deferred<void>(), deferred<void>()]
  const closes = [first, second].map(({ promise }, index) => ({ name: `${index}`, close: () => promise }))
  const closing = newSpinner({ plugins: closes }).close()
  second.resolve()
  expect(await stateOf(closing)).toBe('pending')
  first.resolve()
  await closing
})

test('the spinner waits at most a minute for the close of a plugin, even if that waits for the spinner', async () => {
  const { sys, clock } = watched()
  const lines: string[] = []
  const quiet = (): void => {}
  const logger = { info: quiet, error: quiet, debug: quiet, warn: (line: string) => void lines.push(line) }
  const spinner: Spinner = newSpinner({ logger, plugins: [{ name: 'a', close: () => spinner.close() }] }, sys)
  const closing = spinner.close()
  await until(() => clock.waiting === 1)
  await clock.advance(59)
  expect(await stateOf(closing)).toBe('pending')
  await clock.advance(2)
  await closing
  expect(lines).toEqual(["[spinner] plugin 'a' has not closed in 60 s; it is not waited for any longer"])
})

test('`drainTimeout` limits a ready hook that never settles', async () => {
  const { sys, clock } = watched()
  const plugin: Plugin = { name: 'a', ready: () => new Promise(() => {}) }
  const child = newSpinner({ plugins: [plugin], drainTimeout: 12 }, sys).start(sleeper('x'))
  const wait = ready(child)
  await until(() => child.pid !== null)
  await clock.advance(11)
  expect(child.state).toBe('starting')
  await clock.advance(2)
  await wait
  expect(child.state).toBe('started')
})

test('`drainTimeout` limits a drain hook that never settles, and aborts its signal', async () => {
  const { sys, clock } = watched()
  let signal: AbortSignal | undefined
  const drain: Plugin['drain'] = (_child, _reason, given) => {
    signal = given
    return new Promise(() => {})
  }
  const child = newSpinner({ plugins: [{ name: 'a', drain }], drainTimeout: 12 }, sys).start(sleeper('x'))
  await child
  const stop = child.stop()
  await clock.advance(11)
  expect(child.state).toBe('stopping')
  expect(signal?.aborted).toBe(false)
  await clock.advance(2)
  await stop
  expect(signal?.aborted).toBe(true)
})

test('a crash calls gone, but not drain', async () => {
  const log: string[] = []
  const child = newSpinner({ plugins: [scribe('a', log)] }).start(sleeper('x'))
  await child
  const restarted = next(child, 'restarted')
  process.kill(child.pid as number, 'SIGKILL')
  await restarted
  expect(log).toEqual(['a setup', 'a ready starting', 'a gone null', 'a ready restart'])
})

test('use() returns a function that removes the plugin', async () => {
  const log: string[] = []
  const spinner = newSpinner()
  const remove = spinner.use(scribe('a', log))
  remove()
  remove()
  await spinner.start(sleeper('x'))
  await spinner.close()
  expect(log).toEqual(['a setup', 'a close'])
})

test('use() rejects an object that is not a plugin', () => {
  const spinner = newSpinner()
  const wrong = { name: 'a', ready: 'soon' } as unknown as Plugin
  expect(() => spinner.use(wrong)).toThrow(expect.objectContaining({ code: 'ERR_SPINNER_INVALID_OPTION' }))
})

describe('checks', () => {
  /** Returns a child with one check that has the given verdicts and succeeds after them. */
  const checkedChild = (verdicts: boolean[], retries: number) => {
    const world = watched()
    let runs = 0
    const run = async (): Promise<void> => {
      runs++
      if (verdicts.shift() === false) throw new Error('too slow')
    }
    const checks = [{ name: 'speed', interval: 10, retries, run }]
    const spinner = newSpinner({ checks, idleTimeSec: -1 }, world.sys)
    return { ...world, child: spinner.start(sleeper('x')), runs: () => runs }
  }

  test('restart the child after `retries` failures in a row, and not after fewer', async () => {
    const { child, clock, pids, runs } = checkedChild([false, false, true, false, false, false], 3)
    await child
    // spinner waits some more turns before a failure counts.
    await clock.advance(51)
    expect(runs()).toBe(5)
    expect(pids).toHaveLength(1)
    const restarted = next(child, 'restarted')
    await clock.advance(10)
    await restarted
    expect(pids).toHaveLength(2)
    expect(child.info()).toMatchObject({ crashes: 0, restarts: 1, reason: "check 'speed' failed: too slow" })
  })

  test('H16 restart a child at most three times in ten minutes, and then emit an error event', async () => {
    const { child, clock, pids } = checkedChild(
      Array.from({ length: 4 }, () => false),
      1,
    )
    await child
    for (let round = 1; round <= 3; round++) {
      const restarted = next(child, 'restarted')
      await clock.advance(10)
      await restarted
    }
    const error = next(child, 'error')
    await clock.advance(10)
    expect(await error).toMatchObject([{ message: expect.stringContaining('will not be restarted again') }])
    expect(child.state).toBe('started')
    expect(pids).toHaveLength(4)
  })

  test('H16 may restart the child again after ten minutes', async () => {
    const well = Array.from({ length: 60 }, () => true)
    const { child, clock, pids } = checkedChild([false, false, false, ...well, false], 1)
    await child
    for (const seconds of [10, 10, 10, 610]) {
      const restarted = next(child, 'restarted')
      await clock.advance(seconds)
      await restarted
    }
    expect(pids).toHaveLength(5)
  })

  test('stop with the child', async () => {
    const { child, clock, runs } = checkedChild([], 1)
    await child
    await clock.advance(25)
    expect(runs()).toBe(2)
    expect(await failureOf(child.stop())).toBeNull()
    expect(clock.waiting).toBe(0)
  })
})
