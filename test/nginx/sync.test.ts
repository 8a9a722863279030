import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { nginxOn } from '../../src/nginx/index.ts'
import type { NginxOptions } from '../../src/nginx/options.ts'
import type { StartOptions } from '../../src/types/options.ts'
import type { Spinner } from '../../src/types/spinner.ts'
import { sleeper, type Watched, watched } from '../support/children.ts'
import { newFile, newFolder, newSpinner, until } from '../support/host.ts'
import { errorsOf, readText, serversIn } from './site.ts'

interface World extends Watched {
  readonly spinner: Spinner
  readonly errors: Error[]
  readonly file: string
  /** The test of the configuration succeeds while this file exists. */
  readonly allowed: string
  reloads(): number
  /** Advances the clock in small steps until a promise settles. */
  passUntil(wait: PromiseLike<unknown>): Promise<void>
}

/** A time limit that is never reached: commands run in real time while the clock advances quickly. */
const LONG = '10h'

const worlds = new Set<World>()

// A close drains children, which takes time on the clock of the test.
afterEach(async () => {
  for (const { passUntil, spinner } of worlds) await passUntil(spinner.close())
  worlds.clear()
})

/** Creates a spinner on a clock that stands still. Two small commands play nginx. */
function newWorld(more: Partial<NginxOptions> = {}): World {
  const world = watched()
  const folder = newFolder()
  const [file, log, allowed] = ['app.conf', 'log', 'allowed'].map((name) => path.join(folder, name)) as [
    string,
    string,
    string,
  ]
  writeFileSync(allowed, '')
  const reload = ['sh', '-c', 'echo reload >> "$0"', log]
  const test = ['sh', '-c', 'test -e "$0" || { echo "[emerg] not now" >&2; exit 1; }', allowed]
  const plugin = nginxOn(world.sys, {
    upstream: 'app',
    file,
    test,
    reload,
    pid: path.join(folder, 'pid'),
    ...more,
  })
  const bounds = { timeout: LONG, drainTimeout: LONG, stopTimeout: LONG }
  const spinner = newSpinner({ plugins: [plugin], ...bounds }, world.sys)
  const reloads = (): number => (existsSync(log) ? readText(log).split('\n').length - 1 : 0)
  const passUntil = async (wait: PromiseLike<unknown>): Promise<void> => {
    let isOver = false
    const over = (): void => {
      isOver = true
    }
    wait.then(over, over)
    await until(async () => {
      if (!isOver) await world.clock.advance(0.1)
      return isOver
    })
  }
  const made = { ...world, spinner, errors: errorsOf(spinner), file, allowed, reloads, passUntil }
  worlds.add(made)
  return made
}

const onPort = (name: string): StartOptions => ({ ...sleeper(name), listen: 'port', ready: 'spawn' })

test('a child is ended `grace` seconds after nginx no longer knows it, and not before', async () => {
  const { spinner, clock, passUntil, file } = newWorld({ grace: 7 })
  const child = spinner.start(onPort('a'))
  await passUntil(child)
  // Fake time may run on while a real reload is awaited, so look at the moment of the exit itself.
  const exits: { at: number; servers: string[] }[] = []
  child.on('exit', () => void exits.push({ at: clock.now(), servers: serversIn(file) }))
  const began = clock.now()
  await passUntil(child.stop())
  expect(exits).toEqual([{ at: expect.any(Number), servers: ['server 127.0.0.1:1 down;'] }])
  expect((exits[0]?.at ?? 0) - began).toBeGreaterThan(6_900)
})

test('a `grace` that is longer than `drainTimeout` ends with it', async () => {
  const { spinner, passUntil, clock } = newWorld({ grace: '1d' })
  const child = spinner.start({ ...onPort('a'), drainTimeout: 60 })
  await passUntil(child)
  const began = clock.now()
  await passUntil(child.stop())
  expect(clock.now() - began).toBeLessThan(3_600_000)
})

test('`debounce` counts from the last change', async () => {
  const { spinner, clock, reloads, passUntil } = newWorld({ debounce: 1 })
  await passUntil(until(() => reloads() === 1))
  const starts = Array.from({ length: 20 }, (_, index) => spinner.start(onPort(`app-${index}`)))
  await until(() => starts.every((child) => child.pid !== null))
  await clock.advance(0.9)
  expect(reloads()).toBe(1)
  await passUntil(Promise.all(starts))
  expect(reloads()).toBe(2)
})

test('a burst that does not end is written after ten times `debounce`', async () => {
  const { spinner, clock, reloads, passUntil } = newWorld({ debounce: 1 })
  await passUntil(until(() => reloads() === 1))
  for (let index = 0; index < 13; index++) {
    const child = spinner.start(onPort(`app-${index}`))
    await until(() => child.pid !== null)
    await clock.advance(0.9)
  }
  await until(() => reloads() > 1)
})

test('a failed pass is tried again after a minute, and reported once', async () => {
  const { spinner, errors, clock, file, allowed, reloads, passUntil } = newWorld()
  await passUntil(until(() => reloads() === 1))
  rmSync(allowed)
  const before = readText(file)
  await passUntil(spinner.start(onPort('a')))
  expect(errors.map(({ message }) => message)).toEqual([
    'nginx rejects its configuration, so spinner restored the file: [emerg] not now',
  ])
  expect(readText(file)).toBe(before)
  await passUntil(spinner.start(onPort('b')))
  writeFileSync(allowed, '')
  await clock.advance(61)
  await passUntil(until(() => reloads() === 2))
  expect(serversIn(file)).toHaveLength(2)
  expect(errors).toHaveLength(1)
  await clock.advance(300)
  expect(reloads()).toBe(2)
})

test('a file that cannot be used is tried again after a minute, and reported once', async () => {
  const folder = path.join(newFolder(), 'later')
  const file = path.join(folder, 'app.conf')
  const { spinner, errors, clock, reloads, passUntil } = newWorld({ file })
  const child = spinner.start(onPort('a'))
  await passUntil(child)
  await clock.advance(61)
  expect(errors.map(({ message }) => message)).toEqual([expect.stringContaining('ENOENT')])
  mkdirSync(folder)
  await clock.advance(61)
  await passUntil(until(() => reloads() === 1))
  expect(serversIn(file)).toEqual([`server 127.0.0.1:${child.address} max_fails=0;`])
  expect(errors).toHaveLength(1)
})

test('a file that cannot be used is not tried again after the spinner was closed', async () => {
  const folder = path.join(newFolder(), 'later')
  const { spinner, clock, passUntil } = newWorld({ file: path.join(folder, 'app.conf') })
  await passUntil(spinner.start(onPort('a')))
  await passUntil(spinner.close())
  mkdirSync(folder)
  await clock.advance(61)
  expect([clock.waiting, readdirSync(folder)]).toEqual([0, []])
})

test('a command that cannot be spawned, because descriptors are exhausted, is reported and tried again', async () => {
  const { spinner, errors, sys, clock, file, reloads, passUntil } = newWorld()
  await passUntil(until(() => reloads() === 1))
  const spawn = sys.spawn
  const emfile = (): never => {
    throw Object.assign(new Error('spawn EMFILE'), { code: 'EMFILE' })
  }
  Object.assign(sys, {
    spawn: (...call: Parameters<typeof spawn>) => (call[0] === 'sh' ? emfile() : spawn(...call)),
  })
  await passUntil(spinner.start(onPort('a')))
  expect(errors.map(({ message }) => message)).toEqual([expect.stringContaining('could not be run (EMFILE)')])
  Object.assign(sys, { spawn })
  await clock.advance(61)
  await passUntil(until(() => reloads() === 2))
  expect(serversIn(file)[0]).toMatch(/^server 127/)
})

test('without `test` and `reload`, the file is written and nothing else is done', async () => {
  const folder = newFolder()
  const { spinner, passUntil, pids, errors } = newWorld({
    file: newFile('x.conf', '', folder),
    test: false,
    reload: false,
  })
  await passUntil(spinner.start(onPort('a')))
  expect(serversIn(path.join(folder, 'x.conf'))).toHaveLength(1)
  expect(pids).toHaveLength(1)
  expect(errors).toEqual([])
  expect(readdirSync(folder)).toEqual(['.x.conf.spinner-lock', 'x.conf'])
})
