import type { ChildProcess } from 'node:child_process'
import { EventEmitter } from 'node:events'
import { afterEach, describe, expect, test } from 'vitest'
import { realSys } from '../../src/sys.ts'
import type { Child } from '../../src/types/child.ts'
import type { StartOptions } from '../../src/types/options.ts'
import { endPuppets, failureOf, lives, puppet, sleeper, startedPuppet, watched } from '../support/children.ts'
import type { FakeClock } from '../support/clock.ts'
import { newSpinner, next, until } from '../support/host.ts'

afterEach(endPuppets)

const never = (): Promise<void> => new Promise(() => {})

/** A program that fails before it is ready, and says why. */
const FAILING: StartOptions = {
  name: 'failing',
  command: 'sh',
  args: ['-c', 'echo first >&2; echo "last words" >&2; exit 3'],
  listen: null,
  ready: never,
  timeout: 36_000,
}

/** Lets time pass until the child has given up. */
const untilFaulted = (child: Child, clock: FakeClock): Promise<boolean> =>
  until(async () => {
    await clock.advance(0.5)
    return child.state === 'faulted'
  }, 'the fault')

/** Ends a child's process as a crash would. */
const crash = (child: Child): boolean => process.kill(-(child.pid as number), 'SIGKILL')

describe('a start that fails', () => {
  test('is tried `attempts` times, and its error says how it ended', async () => {
    const { sys, clock, pids } = watched()
    const child = newSpinner({ attempts: 3 }, sys).start(FAILING)
    const failure = failureOf(child)
    await untilFaulted(child, clock)
    expect(await failure).toMatchObject({
      code: 'ERR_SPINNER_EXITED',
      child: 'failing',
      exitCode: 3,
      signal: null,
      attempts: 3,
      output: ['first', 'last words'],
    })
    expect((await failure)?.message).toContain('last words')
    expect(pids).toHaveLength(3)
  })

  test.each([
    ['is told that PORT is a path', 'socket', 'Number(process.env.PORT)', true],
    ['is not told so where PORT is a port', 'port', 'NaN', false],
  ] as const)('because its program listens on what is no port %s', async (_is, listen, port, isTold) => {
    const args = ['-e', `require('node:http').createServer().listen(${port})`]
    const error = await failureOf(newSpinner({ attempts: 1 }).start({ name: 'server', args, listen }))
    expect(error?.message).toContain('ERR_SOCKET_BAD_PORT')
    const [head] = error?.message.split('\n') ?? []
    const hint =
      " Its PORT is the path of a socket and no number: let it listen on that as it is, or give it `listen: 'port'`."
    expect(head?.includes(hint)).toBe(isTold)
  })

  test('is announced by `faulted` and `error`, on the child and on the spinner', async () => {
    const { sys, clock } = watched()
    const spinner = newSpinner({ attempts: 1 }, sys)
    const seen: unknown[] = []
    spinner.on('faulted', (of, error) => void seen.push(['spinner faulted', of.name, error.code]))
    spinner.on('error', (of, error) => void seen.push(['spinner error', of.name, error.message]))
    const child = spinner.start(FAILING)
    child.on('faulted', (error) => void seen.push(['faulted', error.code]))
    child.on('error', (error) => void seen.push(['error', error.message]))
    const failure = await failureOf(child)
    await clock.advance(0)
    expect(seen).toEqual([
      ['faulted', 'ERR_SPINNER_EXITED'],
      ['spinner faulted', 'failing', 'ERR_SPINNER_EXITED'],
      ['error', failure?.message],
      ['spinner error', 'failing', failure?.message],
    ])
  })

  test('is refused with _FAULTED until `faultTimeout` has passed, and then tried again', async () => {
    const { sys, clock, pids } = watched()
    const spinner = newSpinner({ attempts: 1, faultTimeout: 60 }, sys)
    const first = await failureOf(spinner.start(FAILING))
    const retryAt = new Date(clock.date() + 60_000)
    const refused = { code: 'ERR_SPINNER_FAULTED', retryAt, cause: first }
    expect(await failureOf(spinner.start('failing'))).toMatchObject(refused)
    await clock.advance(59)
    expect(await failureOf(spinner.start('failing'))).toMatchObject(refused)
    expect(pids).toHaveLength(1)
    await clock.advance(2)
    expect(await failureOf(spinner.start('failing'))).toMatchObject({ code: 'ERR_SPINNER_EXITED' })
    expect(pids).toHaveLength(2)
  })

  test('a restart and a stop leave `faulted` at once', async () => {
    const { sys, pids } = watched()
    const spinner = newSpinner({ attempts: 1 }, sys)
    await failureOf(spinner.start(FAILING))
    expect(await failureOf(spinner.restart('failing'))).toMatchObject({ code: 'ERR_SPINNER_EXITED' })
    await spinner.stop('failing')
    expect(spinner.get('failing')).toMatchObject({ state: 'stopped' })
    expect(await failureOf(spinner.start('failing'))).toMatchObject({ code: 'ERR_SPINNER_EXITED' })
    expect(pids).toHaveLength(3)
  })

  test('H16 waits longer before each attempt, and spawns nothing while the clock stands still', async () => {
    const { sys, clock, pids } = watched({ random: () => 1 })
    const child = newSpinner({ attempts: 3 }, sys).start(FAILING)
    const failure = failureOf(child)
    for (const [spawned, wait] of [
      [1, 0.2],
      [2, 0.4],
    ] as const) {
      await until(() => pids.length === spawned && child.pid === null && clock.waiting === 1)
      await clock.advance(wait - 0.01)
      expect(pids).toHaveLength(spawned)
      await clock.advance(0.02)
    }
    expect(await failure).toMatchObject({ attempts: 3 })
  })
})

describe('a crash', () => {
  test('H16 restarts at once the first time, and the next waits for its backoff', async () => {
    const { sys, clock, pids } = watched({ random: () => 1 })
    const child = newSpinner({ maxRestarts: 5 }, sys).start({ ...sleeper('a'), idleTimeSec: -1 })
    await child
    const restarted = next(child, 'restarted')
    crash(child)
    await restarted
    crash(child)
    await until(() => child.pid === null && clock.waiting === 1)
    expect(child.state).toBe('restart')
    expect(pids).toHaveLength(2)
    await clock.advance(0.19)
    expect(pids).toHaveLength(2)
    const again = next(child, 'restarted')
    await clock.advance(0.02)
    await again
    expect(child.info()).toMatchObject({ crashes: 2, restarts: 2, pid: pids[2] })
  })

  test('H16 one more than `maxRestarts` within `restartTolerance` makes it faulted', async () => {
    const { sys, clock } = watched()
    const child = newSpinner({ maxRestarts: 1, restartTolerance: 60 }, sys).start(sleeper('a'))
    await child
    const restarted = next(child, 'restarted')
    crash(child)
    await restarted
    await clock.advance(59)
    const faulted = next(child, 'faulted')
    crash(child)
    await faulted
    expect(child.state).toBe('faulted')
    expect(child.info()).toMatchObject({ crashes: 2, restarts: 1 })
  })

  test('H16 counts no longer when `restartTolerance` has passed', async () => {
    const { sys, clock, pids } = watched()
    const child = newSpinner({ maxRestarts: 1, restartTolerance: 60 }, sys).start(sleeper('a'))
    await child
    for (let round = 1; round <= 3; round++) {
      const restarted = next(child, 'restarted')
      crash(child)
      await restarted
      await clock.advance(61)
    }
    expect(child.state).toBe('started')
    expect(pids).toHaveLength(4)
  })

  test('a stop forgets the crashes before it', async () => {
    const { sys } = watched()
    const spinner = newSpinner({ maxRestarts: 1 }, sys)
    const child = spinner.start(sleeper('a'))
    for (let round = 1; round <= 2; round++) {
      await spinner.start('a')
      const restarted = next(child, 'restarted')
      crash(child)
      await restarted
      await child.stop()
    }
    expect(child.info().crashes).toBe(2)
  })
})

/** How a process may end, and whether `on-failure` restarts it. */
const ENDS: readonly (readonly [number | NodeJS.Signals, boolean])[] = [
  [0, false],
  [1, true],
  [2, true],
  [126, true],
  [143, true],
  [255, true],
  ['SIGTERM', true],
  ['SIGINT', true],
  ['SIGHUP', true],
  ['SIGPIPE', true],
  ['SIGSEGV', true],
  ['SIGKILL', true],
]

describe('H17 after an exit that nobody asked for', () => {
  test.each(['always', 'on-failure', 'never'] as const)("restart: '%s' decides", async (restart) => {
    const spinner = newSpinner({ restart, stdin: 'pipe', listen: null, concurrency: 12 })
    const outcome = async (end: number | NodeJS.Signals): Promise<string> => {
      const child = spinner.start({
        name: String(end),
        command: 'sh',
        args: ['-c', 'echo up; read code; exit $code'],
        ready: { output: /up/ },
      })
      await child
      const after = Promise.race([
        next(child, 'restarted').then(() => true),
        next(child, 'stopped').then(() => false),
      ])
      const exit = next(child, 'exit')
      if (typeof end === 'number') child.stdin?.write(`${end}\n`)
      else process.kill(child.pid as number, end)
      const [seen] = await exit
      expect(seen).toEqual(
        typeof end === 'number' ? { code: end, signal: null } : { code: null, signal: end },
      )
      return `${end}: ${await after}`
    }
    const expected = ENDS.map(
      ([end, onFailure]) => `${end}: ${restart === 'always' || (restart === 'on-failure' && onFailure)}`,
    )
    expect(await Promise.all(ENDS.map(([end]) => outcome(end)))).toEqual(expected)
  })
})

/** What Node gives when it cannot spawn: no pid, and the error in a later turn. */
function failedSpawn(code: string): ChildProcess {
  const made = new EventEmitter()
  process.nextTick(() => made.emit('error', Object.assign(new Error(`spawn ${code}`), { code })))
  return Object.assign(made, {
    pid: undefined,
    stdin: null,
    stdout: null,
    stderr: null,
  }) as unknown as ChildProcess
}

describe('a machine that is exhausted', () => {
  test.each(['EMFILE', 'EAGAIN'])('H11 H12 %s waits at least a second and is no attempt', async (code) => {
    const at: number[] = []
    const spawn: typeof realSys.spawn = (...call) => {
      at.push(clock.now())
      return at.length <= 3 ? failedSpawn(code) : realSys.spawn(...call)
    }
    const { sys, clock, pids } = watched({ spawn, random: () => 0 })
    const child = newSpinner({ attempts: 1 }, sys).start(sleeper('a'))
    await until(() => child.info().lastError !== null)
    expect(pids).toHaveLength(1)
    await until(async () => {
      await clock.advance(0.1)
      return child.state === 'started'
    })
    const gaps = at.slice(1).map((time, index) => time - (at[index] as number))
    expect(gaps).toHaveLength(3)
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(1_000)
    expect(Math.max(...gaps)).toBeLessThan(2_000)
  })

  test('H11 a program that does not exist is an attempt like any other', async () => {
    const { sys, pids } = watched()
    const child = newSpinner({ attempts: 1 }, sys).start({ ...sleeper('a'), command: '/no/such/program' })
    expect(await failureOf(child)).toMatchObject({ code: 'ERR_SPINNER_SPAWN', attempts: 1 })
    expect(child.state).toBe('faulted')
    expect(pids).toHaveLength(1)
  })
})

describe('H28 a machine that breaks', () => {
  test('leaves a started child faulted with its group killed, and restart() works', async () => {
    let readings = Number.POSITIVE_INFINITY
    const { sys, clock } = watched({ nextTurn: async () => {} })
    const now = clock.now
    clock.now = () => {
      if (readings-- > 0) return now()
      readings = Number.POSITIVE_INFINITY
      throw new Error('the clock fell off the wall')
    }
    const run = async (): Promise<void> => {
      // The check looks whether the host stood still; the next one to look is the machine.
      readings = 1
      throw new Error('ill')
    }
    const spinner = newSpinner(
      { checks: [{ name: 'c', interval: 5, retries: 1, run }], idleTimeSec: -1 },
      sys,
    )
    const child = spinner.start(sleeper('a'))
    await child
    const pid = child.pid as number
    const states: string[] = []
    const seen: string[] = []
    child.on('state', (to) => void states.push(to))
    child.on('stopped', () => void seen.push('stopped'))
    const faulted = next(child, 'faulted')
    await clock.advance(6)
    expect(await faulted).toMatchObject([
      {
        code: 'ERR_SPINNER_FAULTED',
        cause: { message: expect.stringContaining('the clock fell off the wall') },
      },
    ])
    await until(() => !lives(pid))
    expect(states).toEqual(['faulted'])
    expect(seen).toEqual([])
    await child.restart()
    expect(child.state).toBe('started')
    expect(lives(child.pid as number)).toBe(true)
  })

  test('rejects those who wait for the start', async () => {
    let broken = true
    const random = (): number => {
      if (!broken) return 0.5
      broken = false
      throw new Error('no dice')
    }
    const { sys } = watched({ random })
    const spinner = newSpinner({}, sys)
    expect(await failureOf(spinner.start(sleeper('a')))).toMatchObject({ code: 'ERR_SPINNER_FAULTED' })
    expect(spinner.get('a')?.state).toBe('faulted')
    await spinner.restart('a')
    expect(spinner.get('a')?.state).toBe('started')
  })

  test('while it stops, the stop does not resolve before the group is gone', async () => {
    const { it } = await startedPuppet()
    const pid = it.child.pid as number
    const setTimeout = it.clock.setTimeout
    it.clock.setTimeout = () => {
      it.clock.setTimeout = setTimeout
      throw new Error('no timers left')
    }
    const gone = await failureOf(it.child.stop())
    if (gone === null) expect(lives(pid)).toBe(false)
    else expect(gone.code).toBe('ERR_SPINNER_FAULTED')
    await until(() => !lives(pid))
    await it.spinner.restart('puppet')
    expect(it.child.state).toBe('started')
  })
})

test('H38 a child that is ready at the moment in which it ends is never announced as started', async () => {
  const it = puppet({ attempts: 1 })
  await it.up()
  const pid = it.child.pid as number
  // Its grandchild still holds its output, so that the exit is known a while before it is dealt with.
  process.kill(pid, 'SIGKILL')
  await until(() => !lives(pid))
  await new Promise((resolve) => setImmediate(resolve))
  it.opened.resolve()
  expect(await failureOf(it.wait)).toMatchObject({ code: 'ERR_SPINNER_EXITED' })
  expect(it.states).toEqual(['starting', 'faulted'])
})
