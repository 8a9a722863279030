import { expect, test } from 'vitest'
import type { Child } from '../../src/types/child.ts'
import type { Ready, StartOptions } from '../../src/types/options.ts'
import { failureOf } from '../support/children.ts'
import { FakeClock, sysWith } from '../support/clock.ts'
import { fixture, get, isAlive, newSpinner, until } from '../support/host.ts'

const withReady = (ready: Ready, options: StartOptions = {}): StartOptions => ({
  name: 'app',
  script: fixture('never-listens.js'),
  monitor: null,
  listen: null,
  ready,
  ...options,
})

/** Expects a child whose `ready` is never met to fail at its timeout, and its process to be gone. */
async function expectTimeout(options: StartOptions): Promise<void> {
  const clock = new FakeClock()
  const child = newSpinner({ attempts: 1, timeout: 5 }, sysWith({ clock })).start(options)
  const failure = failureOf(child)
  const pid = await until(() => child.pid)
  await clock.advance(5)
  expect(await failure).toMatchObject({ code: 'ERR_SPINNER_NOT_READY' })
  await until(() => !isAlive(pid))
}

test('a child without an address is ready when it is spawned, and has no PORT', async () => {
  const script = "console.log('PORT', process.env.PORT, process.env.port); setInterval(() => {}, 1000)"
  const child = newSpinner().start({ name: 'worker', args: ['-e', script], listen: null })
  const lines: string[] = []
  child.on('output', (_stream, line) => lines.push(line))
  expect(await child).toBe(null)
  expect(child).toMatchObject({ state: 'started', address: null, target: null })
  await until(() => lines.length > 0)
  expect(lines).toEqual(['PORT undefined undefined'])
})

test('a child that is ready when it is spawned and exits at once was started', async () => {
  const states: string[] = []
  const spinner = newSpinner({ attempts: 1 })
  spinner.on('state', (_child, to) => void states.push(to))
  const jobs = Array.from({ length: 20 }, (_, index) => `job ${index}`)
  const ends = jobs.map((name) =>
    spinner.start({ name, command: 'true', listen: null, restart: 'never' }).then(() => 'started'),
  )
  expect(new Set(await Promise.all(ends))).toEqual(new Set(['started']))
  await until(() => jobs.every((name) => spinner.get(name)?.state === 'stopped'))
  expect(states).not.toContain('faulted')
})

test("with ready: 'spawn' a child that has an address is started before it listens", async () => {
  const child = newSpinner().start({ script: fixture('never-listens.js'), monitor: null, ready: 'spawn' })
  const address = await child
  expect(child.target).toEqual({ socketPath: address })
})

for (const message of ['ready', { type: 'ready', port: 1 }]) {
  test(`a child is ready when it sends ${JSON.stringify(message)}`, async () => {
    const env = { MESSAGE: JSON.stringify(message) }
    const options = withReady('message', { script: fixture('sends-message.js'), env })
    const child = newSpinner().start(options)
    const messages: unknown[] = []
    child.on('message', (one) => messages.push(one))
    await child
    await until(() => messages.length > 0)
    expect(messages).toEqual([message])
  })
}

for (const message of ['almost ready', { type: 'other' }, null, 7]) {
  test(`the message ${JSON.stringify(message)} does not make a child ready`, async () => {
    const env = { MESSAGE: JSON.stringify(message) }
    await expectTimeout(withReady('message', { script: fixture('sends-message.js'), env }))
  })
}

for (const statuses of [[503, 500, 404, 200], [503, 302], [204]]) {
  test(`a child that answers ${statuses.join(', ')} is ready at the last one`, async () => {
    const env = { STATUSES: JSON.stringify(statuses) }
    const script = fixture('answers-statuses.js')
    for (const listen of ['socket', 'port'] as const) {
      const child = newSpinner({ env, listen }).start({ script, monitor: null, ready: { http: '/healthz' } })
      await child
      expect(JSON.parse(await get(child.target, '/asked'))).toEqual(statuses.slice(-1))
    }
  })
}

test('a child that answers 400 or above all the time is not ready', async () => {
  const env = { STATUSES: '[400]' }
  const script = fixture('answers-statuses.js')
  await expectTimeout({ script, monitor: null, env, ready: { http: '/' } })
})

for (const stream of ['stdout', 'stderr']) {
  for (const flags of ['', 'g', 'y', 'gy', 'i']) {
    test(`a line of ${stream} in pieces makes a child ready, with the flags '${flags}'`, async () => {
      const pieces = ['first\nServer lis', 'tening on 8', '0\nlast\n']
      const env = { STREAM: stream, PIECES: JSON.stringify(pieces) }
      const pattern = new RegExp('server listening on \\d+$', `${flags.replace('i', '')}i`)
      // Set the position as an earlier use of the pattern does.
      pattern.lastIndex = 40
      const options = withReady({ output: pattern }, { script: fixture('writes-pieces.js'), env })
      const child = newSpinner().start(options)
      await child
      expect(child.info().output).toContain('Server listening on 80')
      expect(pattern.lastIndex).toBe(40)
    })
  }
}

test('a child that does not write a matching line is not ready', async () => {
  const env = { STREAM: 'stdout', PIECES: '["Server ", "\\nlistening\\n"]' }
  const options = { script: fixture('writes-pieces.js'), env }
  await expectTimeout(withReady({ output: /Server listening/ }, options))
})

test('a function of the user decides, and receives the child', async () => {
  let given: Child | undefined
  let go = (): void => {}
  const decide = (child: Child): Promise<void> => {
    given = child
    return new Promise((resolve) => {
      go = resolve
    })
  }
  const child = newSpinner().start(withReady(decide))
  await until(() => child.pid && given !== undefined)
  expect(given).toBe(child)
  expect(child.state).toBe('starting')
  go()
  await child
  expect(child.state).toBe('started')
})

test('the signal of a function is aborted at the timeout', async () => {
  const signals: AbortSignal[] = []
  const never = (_child: Child, signal: AbortSignal): Promise<void> => {
    signals.push(signal)
    return new Promise(() => {})
  }
  await expectTimeout(withReady(never))
  expect(signals.map((signal) => signal.aborted)).toEqual([true])
})

for (const [how, decide] of Object.entries({
  throws: () => {
    throw new Error('not today')
  },
  rejects: () => Promise.reject(new Error('not today')),
})) {
  test(`a function that ${how} fails the attempt with its error`, async () => {
    const child = newSpinner({ attempts: 1 }).start(withReady(decide))
    const error = await failureOf(child)
    expect(error).toMatchObject({ code: 'ERR_SPINNER_NOT_READY', cause: new Error('not today') })
    expect(error?.message).toContain('not today')
    expect(child.pid).toBe(null)
  })
}

test('a function that resolves after its attempt has ended does not affect the next attempt', async () => {
  const waits: (() => void)[] = []
  const decide = (): Promise<void> => new Promise((resolve) => waits.push(resolve))
  const spinner = newSpinner({ maxRestarts: 5 })
  const child = spinner.start(withReady(decide, { listen: 'port' }))
  await until(() => waits.length === 1)
  const first = child.pid as number
  process.kill(first, 'SIGKILL')
  await until(() => waits.length === 2)
  waits[0]?.()
  await new Promise((resolve) => setImmediate(resolve))
  expect(child.state).toBe('starting')
  waits[1]?.()
  await child
  expect(child.pid).not.toBe(first)
})
