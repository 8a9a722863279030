import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { createPoolOn } from '../../src/pool/index.ts'
import { realSys } from '../../src/sys.ts'
import type { Child } from '../../src/types/child.ts'
import type { SpinnerOptions, StartOptions } from '../../src/types/options.ts'
import type { Spinner } from '../../src/types/spinner.ts'
import { failureOf, sleeper, type Watched, watched } from '../support/children.ts'
import { newSpinner, next, until } from '../support/host.ts'

interface Limited extends Watched {
  readonly spinner: Spinner
  start(name: string, more?: Partial<StartOptions>): Child
  running(): string[]
}

/** Creates a spinner with the given limits. */
function limited(limits: Pick<SpinnerOptions, 'maxRunning' | 'maxMemory'>): Limited {
  const world = watched()
  const spinner = newSpinner({ idleTimeSec: -1, ...limits }, world.sys)
  return {
    ...world,
    spinner,
    start: (name, more = {}) => spinner.start({ ...sleeper(name), ...more }),
    running: () =>
      Object.values(spinner.list())
        .filter(({ state }) => state === 'started')
        .map(({ name }) => name)
        .sort(),
  }
}

/** Lets the event loop turn until a start has reached the limit. */
async function reachLimit(): Promise<void> {
  for (let left = 20; left > 0; left--) await realSys.nextTurn()
}

describe('with `maxRunning`', () => {
  test('one more child evicts the least recently used one', async () => {
    const { running, spinner, start } = limited({ maxRunning: 3 })
    for (const name of ['a', 'b', 'c']) await start(name)
    spinner.touch('a')
    await start('d')
    expect(running()).toEqual(['a', 'c', 'd'])
    expect(spinner.get('b')).toMatchObject({ state: 'stopped', reason: "room was needed for 'd'" })
    await start('b')
    expect(running()).toEqual(['a', 'b', 'd'])
  })

  test.runIf(process.platform === 'linux')(
    'a start that waits for a slot uses the options that are valid when it gets one',
    async () => {
      const { spinner, start } = limited({ maxRunning: 1 })
      const lease = await spinner.acquire(sleeper('x'))
      start('a', { args: ['600'] })
      await reachLimit()
      const child = start('a', { args: ['601'] })
      lease.release()
      await child
      expect(spinner.get('a')?.options.args).toEqual(['601'])
      expect(readFileSync(`/proc/${child.pid}/cmdline`, 'latin1').split('\0')[1]).toBe('601')
    },
  )

  test('the limit is never exceeded, however many children are started at once', async () => {
    const { pids, running, spinner, start } = limited({ maxRunning: 2 })
    let [now, most] = [0, 0]
    spinner.on('started', () => {
      now++
      most = Math.max(most, now)
    })
    spinner.on('stopped', () => void now--)
    const names = Array.from({ length: 12 }, (_, at) => `child-${at}`)
    await Promise.all(names.map((name) => start(name).then(() => name)))
    expect(most).toBe(2)
    expect(pids).toHaveLength(12)
    expect(running()).toEqual(['child-10', 'child-11'])
  })

  test('a child that is in use or warm is not evicted; the next one is', async () => {
    const { running, spinner, start } = limited({ maxRunning: 3 })
    const lease = await spinner.acquire(sleeper('used'))
    await start('warm', { warm: true })
    await start('c')
    await start('d')
    expect(running()).toEqual(['d', 'used', 'warm'])
    lease.release()
    await start('e')
    expect(running()).toEqual(['e', 'used', 'warm'])
  })

  test('a start waits while all children are in use, and begins when one is released', async () => {
    const { pids, running, spinner, start } = limited({ maxRunning: 1 })
    const lease = await spinner.acquire(sleeper('a'))
    const child = start('b')
    await until(() => child.state === 'starting')
    expect(pids).toHaveLength(1)
    lease.release()
    await child
    expect(running()).toEqual(['b'])
  })

  test('waiting starts begin in the order of their arrival', async () => {
    const { spinner, start } = limited({ maxRunning: 1 })
    const lease = await spinner.acquire(sleeper('first'))
    const order: string[] = []
    spinner.on('started', ({ name }) => void order.push(name))
    const all = ['a', 'b', 'c'].map((name) => start(name).then(() => name))
    lease.release()
    await Promise.all(all)
    expect(order).toEqual(['a', 'b', 'c'])
  })

  test.each([
    ['was evicted for another', (_spinner: Spinner) => {}],
    ['is stopped', (spinner: Spinner) => void spinner.stop('a')],
  ])('a child that %s, and is started again meanwhile, waits behind the other', async (_how, end) => {
    const { spinner, start } = limited({ maxRunning: 1 })
    const order: string[] = []
    spinner.on('started', ({ name }) => void order.push(name))
    const held = await spinner.acquire(sleeper('a'))
    const other = start('b')
    await until(() => other.state === 'starting')
    const again = new Promise((resolve) => {
      spinner.on('state', ({ name }, to) => {
        if (name === 'a' && to === 'stopping') resolve(spinner.acquire('a'))
      })
    })
    end(spinner)
    held.release()
    await other
    await again
    expect(order).toEqual(['a', 'b', 'a'])
  })

  test('a child that is being stopped makes room, so no other is evicted for the same start', async () => {
    const { running, spinner, start } = limited({ maxRunning: 2 })
    await start('a')
    await start('b')
    const stopped = spinner.stop('b')
    await until(() => spinner.get('b')?.state === 'stopping')
    await start('c')
    await stopped
    expect(running()).toEqual(['a', 'c'])
  })

  test('a start waits at most for its `timeout`; then its error names the limit, and the child is stopped', async () => {
    const { clock, pids, spinner, start } = limited({ maxRunning: 1 })
    const lease = await spinner.acquire(sleeper('a'))
    const child = start('b', { timeout: 5 })
    const failed = failureOf(child)
    await reachLimit()
    await clock.advance(4)
    expect(child.state).toBe('starting')
    await clock.advance(2)
    const error = await failed
    expect(error).toMatchObject({ code: 'ERR_SPINNER_NOT_READY', child: 'b' })
    expect(error?.message).toContain("'b' found no free slot within 5 s: `maxRunning` is 1")
    await until(() => child.state === 'stopped')
    expect(pids).toHaveLength(1)
    lease.release()
    await spinner.start('b')
    expect(child.state).toBe('started')
  })

  describe('a child of a pool that found no free slot', () => {
    async function rejectedMember(): Promise<
      Limited & { child: Child; elapse(seconds: number): Promise<void> }
    > {
      const world = limited({ maxRunning: 1 })
      await world.start('other', { warm: true })
      const pool = createPoolOn(world.sys, world.spinner, {
        ...sleeper('p'),
        name: 'p',
        size: 1,
        timeout: 5,
        faultTimeout: 60,
      })
      const elapse = async (seconds: number): Promise<void> => {
        await reachLimit()
        await world.clock.advance(seconds)
        await reachLimit()
      }
      pool.start().catch(() => {})
      await elapse(6)
      return { ...world, child: pool.children[0] as Child, elapse }
    }

    test('is started again after each `faultTimeout`', async () => {
      const { child, elapse, spinner } = await rejectedMember()
      expect(child.state).toBe('stopped')
      // It was turned away a second ago.
      await elapse(58)
      expect(child.state).toBe('stopped')
      await elapse(2)
      expect(child.state).toBe('starting')
      await elapse(6)
      expect(child.state).toBe('stopped')
      await spinner.stop('other')
      await elapse(61)
      await until(() => child.state === 'started')
    })

    test('is not started again after it was stopped', async () => {
      const { child, elapse, spinner } = await rejectedMember()
      await child.stop()
      await spinner.stop('other')
      await elapse(61)
      expect(child.state).toBe('stopped')
    })
  })

  test('a waiting start can be stopped, and takes no slot after that', async () => {
    const { pids, spinner, start } = limited({ maxRunning: 1 })
    const lease = await spinner.acquire(sleeper('a'))
    const given = start('b')
    const failed = failureOf(given)
    const wanted = start('c')
    await until(() => given.state === 'starting' && wanted.state === 'starting')
    await spinner.stop('b')
    expect(await failed).toMatchObject({ code: 'ERR_SPINNER_STOPPED' })
    lease.release()
    await wanted
    expect(pids).toHaveLength(2)
    expect(given.state).toBe('stopped')
  })

  test('a child keeps its slot during a restart and after a crash', async () => {
    const { pids, running, spinner, start } = limited({ maxRunning: 1 })
    await start('a')
    const lease = await spinner.acquire('a')
    const waiting = start('b')
    await until(() => waiting.state === 'starting')
    await spinner.restart('a')
    expect(running()).toEqual(['a'])
    const restarted = next(spinner, 'restarted')
    process.kill(pids.at(-1) as number, 'SIGKILL')
    await restarted
    expect(running()).toEqual(['a'])
    lease.release()
    await waiting
    expect(running()).toEqual(['b'])
  })

  test('a faulted child gives its slot back', async () => {
    const { running, start } = limited({ maxRunning: 1 })
    const broken = start('broken', { command: 'false', args: [], ready: 'message', attempts: 1 })
    expect(await failureOf(broken)).toMatchObject({ code: 'ERR_SPINNER_EXITED' })
    await start('b')
    expect(running()).toEqual(['b'])
  })

  test('a stop and a start in the same turn take one slot', async () => {
    const { running, spinner, start } = limited({ maxRunning: 1 })
    await start('a')
    const stopped = spinner.stop('a')
    const again = spinner.start('a')
    await Promise.all([stopped, again.then(() => {})])
    await start('b')
    expect(running()).toEqual(['b'])
    const back = start('a')
    await back
    expect(running()).toEqual(['a'])
  })

  test('close() ends waiting starts', async () => {
    const { spinner, start } = limited({ maxRunning: 1 })
    await spinner.acquire(sleeper('a'))
    const failed = failureOf(start('b'))
    await spinner.close()
    expect(await failed).toMatchObject({ code: 'ERR_SPINNER_STOPPED' })
  })
})

describe.runIf(process.platform === 'linux')('with `maxMemory`', () => {
  /** A child that uses memory when it is started. The kernel shows no memory of a process that has just begun. */
  const usesMemory = (name: string): StartOptions => ({
    name,
    command: process.execPath,
    args: ['-e', 'console.log("up"); setInterval(() => {}, 1000)'],
    listen: null,
    ready: { output: /up/ },
  })

  test('one more child evicts others, the least recently used first, until there is room', async () => {
    const { clock, running, spinner } = limited({ maxMemory: '1MB' })
    for (const name of ['a', 'b', 'c']) {
      await spinner.start(usesMemory(name))
      expect(running()).toEqual([name])
      await clock.advance(1)
    }
    expect(spinner.get('b')?.reason).toBe("room was needed for 'c'")
  })

  test('children run together if there is enough memory', async () => {
    const { clock, running, start } = limited({ maxMemory: '64GB' })
    for (const name of ['a', 'b', 'c']) {
      await start(name)
      await clock.advance(1)
    }
    expect(running()).toEqual(['a', 'b', 'c'])
  })

  test('the error of a start that finds no room names the limit', async () => {
    const { clock, spinner, start } = limited({ maxMemory: '1KB' })
    await spinner.acquire(usesMemory('a'))
    await clock.advance(1)
    const failed = failureOf(start('b', { timeout: 5 }))
    await reachLimit()
    await clock.advance(6)
    expect((await failed)?.message).toContain('`maxMemory` is 1KB')
  })
})

test('`maxMemory` has no effect, with a warning, if the system does not show the memory', async () => {
  const world = watched({ platform: 'darwin' })
  const lines: string[] = []
  const note = (line: string): number => lines.push(line)
  const logger = { info: () => {}, warn: note, error: note, debug: () => {} }
  const spinner = newSpinner({ maxMemory: 1, logger }, world.sys)
  for (const name of ['a', 'b', 'c']) await spinner.start(sleeper(name))
  expect(lines).toEqual([expect.stringContaining('`maxMemory` has no effect: this system has no /proc')])
})

test.each([
  [{ maxRunning: 0 }, '`maxRunning` must be an integer >= 1, or null, but it is 0'],
  [{ maxMemory: 'much' }, '`maxMemory` must be a number of bytes'],
  [{ warm: 1 }, '`warm` must be true or false'],
])('%j is rejected', (given, message) => {
  expect(() => newSpinner(given as never)).toThrow(message)
})
