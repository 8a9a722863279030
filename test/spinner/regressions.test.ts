import { existsSync, readdirSync } from 'node:fs'
import { PassThrough } from 'node:stream'
import vm from 'node:vm'
import { expect, onTestFinished, test } from 'vitest'
import { realSys } from '../../src/sys.ts'
import type { Logger, StartOptions } from '../../src/types/options.ts'
import { failureOf, lives, sleeper, watched } from '../support/children.ts'
import { sysWith } from '../support/clock.ts'
import { fixture, newSpinner, next, until } from '../support/host.ts'

/** Waits for some turns of the event loop. Node reports an unhandled rejection within one turn. */
async function turns(count = 5): Promise<void> {
  for (let turn = 0; turn < count; turn++) await realSys.nextTurn()
}

/** Returns the list of unhandled rejections while the test runs. */
function unheard(): unknown[] {
  const heard: unknown[] = []
  const listener = (reason: unknown): void => void heard.push(reason)
  process.on('unhandledRejection', listener)
  onTestFinished(() => void process.off('unhandledRejection', listener))
  return heard
}

test.runIf(process.platform === 'linux')(
  'H11 a host without descriptors waits for a group that outlives its leader, and its event loop is not blocked',
  async () => {
    const loose = unheard()
    let isOut = false
    let refused = 0
    const readProc = (...call: Parameters<typeof readdirSync>): unknown => {
      if (!isOut || call[0] !== '/proc') return readdirSync(...call)
      refused++
      throw Object.assign(new Error('EMFILE: too many open files, scandir /proc'), { code: 'EMFILE' })
    }
    const fs = { ...realSys.fs, readdirSync: readProc as typeof readdirSync }
    const { clock } = watched()
    const spinner = newSpinner({ stopScope: 'leader' }, sysWith({ clock, fs }))
    const ups: string[] = []
    spinner.on('output', (_child, _stream, line) => ups.push(line))
    const args = ['-c', "(trap '' TERM; echo up; sleep 600; :) & exec sleep 600"]
    const child = spinner.start({ name: 'group', command: 'sh', args, listen: null })
    await child
    await until(() => ups.length > 0)
    const pid = child.pid as number
    isOut = true
    const errors: Error[] = []
    child.on('error', (error) => errors.push(error))
    const stopped = child.stop()
    await until(() => refused > 3)
    await turns()
    expect(child.state).toBe('stopping')
    process.kill(-pid, 'SIGKILL')
    isOut = false
    await stopped
    expect(child.state).toBe('stopped')
    expect(errors).toEqual([])
    expect(loose).toEqual([])
  },
)

const rejects = (): unknown => Promise.reject(new Error('loose'))
const rejectsElsewhere = (): unknown => vm.runInNewContext('Promise.reject(new Error("loose"))')

test.each([
  ['a promise of the host', rejects],
  ['a promise of another realm', rejectsElsewhere],
])('H29 %s that rejects in a logger, a stream or a listener is handled', async (_what, reject) => {
  const loose = unheard()
  const calls = { listener: 0, logger: 0, write: 0 }
  const rejecting = (who: keyof typeof calls) => (): never => {
    calls[who]++
    return reject() as never
  }
  const log = rejecting('logger')
  const stdout = Object.assign(new PassThrough(), { write: rejecting('write') })
  const spinner = newSpinner({ logger: { info: log, warn: log, error: log, debug: log }, stdout })
  spinner.on('started', rejecting('listener'))
  const child = spinner.start({ ...sleeper('hi'), command: 'sh', args: ['-c', 'echo hi; exec sleep 600'] })
  child.on('started', rejecting('listener'))
  await child
  await until(() => calls.write > 0 && calls.listener === 2 && calls.logger > 2)
  await spinner.close()
  await turns()
  expect(loose).toEqual([])
})

test('H18 H20 a host that was blocked for longer than `timeout` accepts a child that listens by then', async () => {
  const spinner = newSpinner({ timeout: 1, attempts: 1 })
  const child = spinner.start(fixture('hello.js'))
  await until(() => child.pid)
  const socket = child.address as string
  const cell = new Int32Array(new SharedArrayBuffer(4))
  const since = Date.now()
  while (Date.now() - since < 1_500 || !existsSync(socket)) Atomics.wait(cell, 0, 0, 20)
  Atomics.wait(cell, 0, 0, 50)
  expect(await child).toBe(socket)
  expect(child.info().crashes).toBe(0)
})

test('calls with invalid options are rejected before they do anything', async () => {
  const { pids, sys } = watched()
  const spinner = newSpinner({}, sys)
  const child = spinner.start(sleeper('a'))
  await child
  const invalid = { code: 'ERR_SPINNER_INVALID_OPTION' }
  expect(await failureOf(spinner.stop('a', { signal: 5 } as never))).toMatchObject(invalid)
  expect(await failureOf(spinner.restart('a', { singal: 1 } as never))).toMatchObject(invalid)
  expect(await failureOf(spinner.acquire('x', { singal: 1 } as never))).toMatchObject(invalid)
  expect(await failureOf(spinner.acquire('a', { singal: 1 } as never))).toMatchObject(invalid)
  expect(() => spinner.start('./a.js', { idleTimeSec: 5 } as never)).toThrow(expect.objectContaining(invalid))
  await turns()
  expect(Object.keys(spinner.list())).toEqual(['a'])
  expect(child.info()).toMatchObject({ state: 'started', leases: 0, pid: pids[0] })
  expect(pids).toHaveLength(1)
})

test('the child that a rejected start returns cannot be started', async () => {
  const { pids, sys } = watched()
  const spinner = newSpinner({}, sys)
  const told: unknown[] = []
  const wrong = { ...sleeper('wrong'), tmieout: 1 } as StartOptions
  const child = spinner.start(wrong, (error) => told.push(error))
  const closed = { code: 'ERR_SPINNER_CLOSED' }
  expect(await failureOf(child.restart())).toMatchObject(closed)
  expect(await failureOf(child.acquire())).toMatchObject(closed)
  await until(() => told.length > 0)
  expect(told).toEqual([expect.objectContaining({ code: 'ERR_SPINNER_INVALID_OPTION' })])
  expect(await failureOf(child)).toBe(told[0])
  expect(child).toMatchObject({ state: 'stopped', pid: null })
  expect(pids).toEqual([])
})

test('a child has `catch` and `finally`, also for a caller with a signal', async () => {
  const spinner = newSpinner()
  const { signal } = new AbortController()
  const ends: string[] = []
  for (const given of [{}, { signal }]) {
    const child = spinner.start({ ...sleeper('well'), ...given })
    expect(await child.catch(() => 'failed')).toBeNull()
    expect(await child.finally(() => void ends.push('well'))).toBeNull()
    const bad = spinner.start({ name: 'bad', command: '/no/such', listen: null, attempts: 1, ...given })
    expect(await bad.catch((error) => (error as { code?: string }).code)).toBe('ERR_SPINNER_SPAWN')
    const failed = bad.finally(() => void ends.push('bad'))
    expect(await failureOf(failed)).toMatchObject({ code: 'ERR_SPINNER_SPAWN' })
    await spinner.stop('bad')
  }
  expect(ends).toEqual(['well', 'bad', 'well', 'bad'])
})

test('`catch` and `finally` end with the signal of the caller, and the child goes on', async () => {
  const spinner = newSpinner()
  const caller = new AbortController()
  const slow = { ...sleeper('slow'), ready: () => new Promise<void>((resolve) => releases.push(resolve)) }
  const releases: (() => void)[] = []
  const child = spinner.start({ ...slow, signal: caller.signal })
  const ends: string[] = []
  const caught = child.catch((error) => error)
  const ended = failureOf(child.finally(() => void ends.push('ended')))
  await until(() => releases.length > 0)
  expect(ends).toEqual([])
  const reason = new Error('the caller went away')
  caller.abort(reason)
  expect(await caught).toBe(reason)
  expect(await ended).toBe(reason)
  expect(ends).toEqual(['ended'])
  const started = next(spinner, 'started')
  releases[0]?.()
  await started
  expect(lives(spinner.get('slow')?.pid ?? 0)).toBe(true)
})

test('a failed attempt is one `warn` line', async () => {
  const { clock, sys } = watched()
  const warnings: string[] = []
  const other = (): void => {}
  const logger: Logger = { info: other, error: other, debug: other, warn: (line) => warnings.push(line) }
  const spinner = newSpinner({ logger, attempts: 2 }, sys)
  const args = ['-c', 'echo one >&2; echo two >&2; exit 3']
  const child = spinner.start({ name: 'ill', command: 'sh', args, listen: null, ready: { output: /never/ } })
  const failure = failureOf(child)
  await until(() => warnings.length > 0)
  await until(async () => {
    await clock.advance(0.5)
    return child.state === 'faulted'
  })
  expect(await failure).toMatchObject({ code: 'ERR_SPINNER_EXITED', attempts: 2 })
  expect(warnings).toEqual([
    expect.stringMatching(/^\[spinner\] ill: attempt 1 failed: .*code 3.*$/),
    expect.stringMatching(/^\[spinner\] ill: attempt 2 failed: .*code 3.*$/),
  ])
  expect(warnings.join('')).not.toContain('two')
})
