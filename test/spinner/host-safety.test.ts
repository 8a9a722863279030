import { readdirSync } from 'node:fs'
import { Writable } from 'node:stream'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Child } from '../../src/types/child.ts'
import type { Logger } from '../../src/types/options.ts'
import type { Allocator } from '../../src/types/plugin.ts'
import { endPuppets, failureOf, lives, ready, sleeper, startedPuppet } from '../support/children.ts'
import { fixture, newFile, newFolder, newSpinner, next, until } from '../support/host.ts'
import { install, runHost } from '../support/installed.ts'
import { ownProcesses } from '../support/leaves-nothing.ts'

const loose: unknown[] = []
const onLoose = (thrown: unknown): void => void loose.push(thrown)

beforeEach(() => {
  loose.length = 0
  process.on('unhandledRejection', onLoose)
  process.on('uncaughtException', onLoose)
})

afterEach(async () => {
  await endPuppets()
  await new Promise((resolve) => setImmediate(resolve))
  process.off('unhandledRejection', onLoose)
  process.off('uncaughtException', onLoose)
  expect(loose).toEqual([])
})

const silent = (): void => {}
const fail = (): never => {
  throw new Error('from the user')
}

/** Returns a logger and the lines of its errors. */
function keeping(): { logger: Logger; lines: string[] } {
  const lines: string[] = []
  return {
    lines,
    logger: { info: silent, warn: silent, debug: silent, error: (line) => void lines.push(line) },
  }
}

const NEVER_READY = {
  ...sleeper('a'),
  command: 'false',
  args: [],
  attempts: 1,
  ready: () => new Promise(() => {}),
}

test('all spinners share one exit handler, and none is left after they are closed', async () => {
  const before = process.listenerCount('exit')
  const all = Array.from({ length: 5 }, () => newSpinner())
  await Promise.all(all.map((spinner) => spinner.start(fixture('hello.js'))))
  expect(process.listenerCount('exit')).toBe(before + 1)
  await Promise.all(all.map((spinner) => spinner.close()))
  expect(process.listenerCount('exit')).toBe(before)
})

test('a failure that is not awaited is an error event and not an unhandled rejection', async () => {
  const spinner = newSpinner()
  const error = next(spinner, 'error')
  const child = spinner.start(NEVER_READY)
  expect(await error).toMatchObject([{ name: 'a' }, { code: 'ERR_SPINNER_EXITED' }])
  void spinner.start('a')
  void child.acquire()
  void spinner.acquire('a')
  void child.restart()
  void spinner.restart('a')
  void spinner.restart('nobody')
  void spinner.acquire({ name: 'nobody' })
  await next(spinner, 'faulted')
})

test('H30 an error event without a listener is one line in the log', async () => {
  const { logger, lines } = keeping()
  const spinner = newSpinner({ logger, plugins: [{ name: 'p', gone: fail }] })
  await spinner.start(sleeper('a'))
  await spinner.stop('a')
  await until(() => lines.length > 0)
  expect(lines).toEqual(['[spinner] a: from the user'])
})

test('H32 a failed stop, a failed close and a later exit cause no unhandled rejection', async () => {
  let kills = false
  const kill = (pid: number, signal: NodeJS.Signals | 0): void => {
    if (kills || signal !== 'SIGKILL') process.kill(pid, signal)
  }
  const { it } = await startedPuppet({}, { kill })
  const pid = it.child.pid as number
  void it.child.stop()
  void it.spinner.close()
  await it.clock.advance(36)
  expect(it.child.state).toBe('faulted')
  await expect(it.child.stop()).rejects.toMatchObject({ code: 'ERR_SPINNER_CLOSED' })
  kills = true
  process.kill(-pid, 'SIGKILL')
  await until(() => ownProcesses().length === 0)
})

describe('H29 listeners', () => {
  const EVENTS = ['state', 'started', 'restarted', 'stopped', 'exit', 'output', 'faulted', 'error'] as const
  const life = async (listen: (child: Child) => void): Promise<string[]> => {
    const { logger } = keeping()
    const spinner = newSpinner({ logger })
    const states: string[] = []
    const child = spinner.start({ ...sleeper('a'), command: 'sh', args: ['-c', 'echo up; exec sleep 600'] })
    listen(child)
    child.on('state', (to) => void states.push(to))
    await child
    await until(() => child.info().output.length > 0)
    const restarted = until(() => states.includes('restart') && child.state === 'started')
    process.kill(child.pid as number, 'SIGKILL')
    await restarted
    await child.stop()
    return states
  }

  test.each([
    ['throw', fail],
    ['reject', async () => fail()],
  ])('that %s do not affect the child or the other listeners', async (_how, listener) => {
    const quiet = await life(silent)
    expect(quiet).toEqual(['starting', 'started', 'restart', 'started', 'stopping', 'stopped'])
    const loud = await life((child) => {
      for (const event of EVENTS) child.on(event, listener)
    })
    expect(loud).toEqual(quiet)
  })

  test('that call methods of the child see the new state', async () => {
    const spinner = newSpinner()
    const child = spinner.start(sleeper('a'))
    const seen: string[] = []
    child.on('started', () => {
      seen.push(child.state)
      void child.stop()
    })
    child.on('state', (to) => {
      if (to !== 'started') seen.push(child.state)
    })
    await next(child, 'stopped')
    expect(seen).toEqual(['starting', 'started', 'stopping', 'stopped'])
  })

  test('that throw are each one line in the log', async () => {
    const { logger, lines } = keeping()
    const child = newSpinner({ logger }).start(sleeper('a'))
    child.on('started', fail)
    await child
    expect(lines).toEqual([expect.stringContaining('[spinner] a listener threw: from the user (at ')])
  })
})

test('a logger that throws does not affect the child', async () => {
  const logger = { info: fail, warn: fail, error: fail, debug: fail }
  const spinner = newSpinner({ logger })
  const child = spinner.start(sleeper('a'))
  child.on('started', fail)
  await child
  await child.stop()
  expect(child.state).toBe('stopped')
})

test.each<[string, Allocator]>([
  ['throws', { allocate: fail, release: fail }],
  ['rejects', { allocate: async () => fail(), release: async () => fail() }],
])('an allocator that %s makes the start fail', async (_how, listen) => {
  const child = newSpinner({ attempts: 1 }).start({ ...sleeper('a'), listen })
  expect(await failureOf(child)).toMatchObject({
    code: 'ERR_SPINNER_NOT_READY',
    cause: { message: 'from the user' },
  })
  await child.stop()
})

test('an error thrown by the release of an allocator is an error event', async () => {
  const listen: Allocator = { allocate: () => 23_117, release: fail }
  const child = newSpinner().start({ ...sleeper('a'), listen, ready: 'spawn' })
  await child
  const error = next(child, 'error')
  await child.stop()
  expect(await error).toMatchObject([{ message: 'from the user' }])
})

test.each([
  ['throws', fail],
  ['rejects', async () => fail()],
])('a ready function that %s makes the start fail, and its process is ended', async (_how, whenReady) => {
  const child = newSpinner({ attempts: 1 }).start({ ...sleeper('a'), ready: whenReady })
  const failure = await failureOf(child)
  expect(failure).toMatchObject({ code: 'ERR_SPINNER_NOT_READY', cause: { message: 'from the user' } })
  await until(() => child.pid === null)
})

const brokenStream = (write: Writable['_write']): Writable => new Writable({ write })

test.each([
  ['throws', brokenStream(fail)],
  ['fails', brokenStream((_chunk, _encoding, done) => done(new Error('disk full')))],
  ['never takes anything', brokenStream(silent)],
  ['was destroyed', new Writable().destroy()],
])('a stdout stream that %s does not affect the child', async (_how, stdout) => {
  const child = newSpinner({ stdout, stderr: stdout }).start({
    ...sleeper('a'),
    command: 'sh',
    args: ['-c', 'echo one; echo two >&2; exec sleep 600'],
  })
  await until(() => child.info().output.length === 2)
  await child
  expect(child.state).toBe('started')
})

test('writing to a child that has closed its stdin does not affect the host', async () => {
  const child = newSpinner({ stdin: 'pipe', listen: null, ready: { output: /closed/ } }).start(
    fixture('closes-its-stdin.js'),
  )
  await child
  const failed = new Promise((resolve) => child.stdin?.write('to nobody', resolve))
  expect(await failed).toBeInstanceOf(Error)
  child.stdin?.write('again')
  expect(child.state).toBe('started')
})

test('H24 a thousand messages that race with the exit cause no error, and send() resolves with false after it', async () => {
  const spinner = newSpinner({ ipc: true, listen: null, restart: 'never' })
  const child = spinner.start(fixture('closes-its-stdin.js'))
  await child
  const stopped = next(child, 'stopped')
  const sent = Array.from({ length: 1_000 }, (_, index) => {
    if (index === 100) process.kill(child.pid as number, 'SIGKILL')
    return child.send({ index })
  })
  expect((await Promise.all(sent)).every((well) => typeof well === 'boolean')).toBe(true)
  await stopped
  expect(await child.send('late')).toBe(false)
})

test('H24 send() resolves with false for a value that cannot be serialized', async () => {
  const child = newSpinner({ ipc: true }).start(sleeper('a'))
  await child
  const circle: { self?: unknown } = {}
  circle.self = circle
  for (const message of [circle, undefined, () => {}, Symbol('x'), { big: 1n }])
    expect(await child.send(message)).toBe(false)
  expect(child.state).toBe('started')
})

test('H26 spinner installs no signal handler', async () => {
  const count = (): number[] =>
    ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR2'].map(
      (signal) => process.listeners(signal as NodeJS.Signals).length,
    )
  const before = count()
  const spinner = newSpinner()
  await spinner.start(sleeper('a'))
  expect(count()).toEqual(before)
  await spinner.close()
  expect(count()).toEqual(before)
})

describe('a host', () => {
  const folder = install()
  const SLEEPER = "{ name: 'a', command: 'sleep', args: ['600'], listen: null }"
  const host = (body: string): string =>
    newFile('host.mjs', `import { createSpinner } from 'spinner'\n${body}`, folder)

  test('that has stopped its children exits by itself', async () => {
    const program = host(`const spinner = createSpinner({ logger: null })
await spinner.start(${SLEEPER})
await spinner.stop('a')`)
    expect(await runHost(program)).toEqual({ code: 0, signal: null, output: '' })
  })

  test('that has a faulted child exits by itself', async () => {
    const program = host(`const spinner = createSpinner({ logger: null, stderr: null, attempts: 1 })
const child = spinner.start({ ...${SLEEPER}, command: '/no/such/program' })
child.on('faulted', () => console.log(child.state))`)
    expect(await runHost(program)).toEqual({ code: 0, signal: null, output: 'faulted\n' })
  })

  test('that awaits a start during its backoff gets the result before it exits', async () => {
    const program = host(`const spinner = createSpinner({ logger: null, stderr: null, attempts: 2 })
await spinner.start({ ...${SLEEPER}, command: '/no/such/program' }).then(null, (error) => console.log(error.code))`)
    expect(await runHost(program)).toEqual({ code: 0, signal: null, output: 'ERR_SPINNER_SPAWN\n' })
  })

  test('that calls process.exit leaves no child and no runtime folder behind', async () => {
    const TMPDIR = newFolder()
    const program = host(`const spinner = createSpinner({ logger: null, stdout: null })
const child = spinner.start(${JSON.stringify(fixture('hello.js'))})
await child
console.log(child.pid)
process.exit(5)`)
    const { code, output } = await runHost(program, { TMPDIR, XDG_RUNTIME_DIR: '' })
    expect(code).toBe(5)
    await until(() => !lives(Number(output)))
    expect(readdirSync(TMPDIR)).toEqual([])
  })

  test('that throws leaves no child and no runtime folder behind', async () => {
    const TMPDIR = newFolder()
    const program = host(`const spinner = createSpinner({ logger: null })
const child = spinner.start(${JSON.stringify(fixture('hello.js'))})
await child
console.log('pid ' + child.pid)
setImmediate(() => { throw new Error('host') })`)
    const { code, output } = await runHost(program, { TMPDIR, XDG_RUNTIME_DIR: '' })
    expect(code).toBe(1)
    const pid = Number(/pid (\d+)/.exec(output)?.[1])
    expect(pid).toBeGreaterThan(1)
    await until(() => !lives(pid))
    expect(readdirSync(TMPDIR)).toEqual([])
  })

  test('need not await a child', async () => {
    const child = newSpinner().start(NEVER_READY)
    await next(child, 'faulted')
    expect(await failureOf(ready(child))).toMatchObject({ code: 'ERR_SPINNER_EXITED' })
  })
})
