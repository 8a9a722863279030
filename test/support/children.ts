import { readFileSync } from 'node:fs'
import { type Deferred, deferred } from '../../src/promises.ts'
import { realSys, type Sys } from '../../src/sys.ts'
import type { Address, Child } from '../../src/types/child.ts'
import type { StartOptions } from '../../src/types/options.ts'
import type { Spinner } from '../../src/types/spinner.ts'
import { FakeClock, sysWith } from './clock.ts'
import { isAlive, newFile, newSpinner, until } from './host.ts'

/** A child that does nothing, is cheap and exits at the first signal. */
export const sleeper = (name: string): StartOptions => ({
  name,
  command: 'sleep',
  args: ['600'],
  listen: null,
})

/** The real system with a fake clock and a list of the spawned pids. */
export interface Watched {
  readonly sys: Sys
  readonly clock: FakeClock
  readonly pids: number[]
}

export function watched(changes: Partial<Sys> = {}): Watched {
  const clock = new FakeClock()
  const pids: number[] = []
  const spawn: Sys['spawn'] = (...call) => {
    const process = (changes.spawn ?? realSys.spawn)(...call)
    pids.push(process.pid ?? 0)
    return process
  }
  return { clock, pids, sys: sysWith({ clock, ...changes, spawn }) }
}

/** Returns whether a process is alive. A zombie is not, although it can be signalled. */
export function lives(pid: number): boolean {
  if (process.platform !== 'linux') return isAlive(pid)
  try {
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}

/** Returns the error with which a promise rejects; `null` if it resolves. */
export function failureOf(wait: PromiseLike<unknown>): Promise<(Error & { code?: string }) | null> {
  return Promise.resolve(wait.then(() => null)).catch((thrown) => thrown)
}

/** Returns the readiness of a child as an ordinary promise. */
export const ready = (child: Child): Promise<Address | null> => child.then((address) => address)

/** A child each step of which the test controls. */
export interface Puppet extends Watched {
  readonly spinner: Spinner
  readonly child: Child
  readonly options: StartOptions
  /** The monitored file. */
  readonly file: string
  /** The process becomes ready when this resolves, and fails when this rejects. */
  opened: Deferred<void>
  /** The states so far. */
  readonly states: string[]
  /** The result of the first start. */
  readonly wait: Promise<Address | null>
  /** Resolves when the process that was spawned last ignores SIGTERM. */
  up(): Promise<unknown>
}

/** Ignores SIGTERM. Only SIGKILL ends the process, so a stop lasts until the test advances the clock. */
const IGNORES_TERM = "trap '' TERM; echo up; sleep 600; :"

/** Returns a puppet in the state `starting`. */
export function puppet(options: Partial<StartOptions> = {}, changes: Partial<Sys> = {}): Puppet {
  const world = watched(changes)
  const spinner = newSpinner({}, world.sys)
  const file = newFile('watched.txt', 'as it was')
  const states: string[] = []
  let ups = 0
  spinner.on('state', (_child, to) => void states.push(to))
  spinner.on('output', () => void ups++)
  const given: StartOptions = {
    name: 'puppet',
    command: 'sh',
    args: ['-c', IGNORES_TERM],
    listen: null,
    monitor: file,
    attempts: 1,
    idleTimeSec: -1,
    ready: () => it.opened.promise,
    ...options,
  }
  const opened = deferred<void>()
  const up = (): Promise<unknown> => until(() => ups > 0 && ups === world.pids.length, 'the set-up')
  const it = { ...world, spinner, options: given, file, states, opened, up } as Puppet
  const child = spinner.start(given)
  const wait = ready(child)
  wait.catch(() => {})
  puppets.add(Object.assign(it, { child, wait }))
  return it
}

const puppets = new Set<Puppet>()

/** Ends all puppets. Call it after each test, because nothing else advances their clocks. */
export async function endPuppets(): Promise<void> {
  for (const { child, clock } of puppets) {
    child.stop().catch(() => {})
    await clock.advance(31)
  }
  puppets.clear()
}

/** Returns a puppet in the state `started`. */
export async function startedPuppet(...given: Parameters<typeof puppet>): Promise<{ it: Puppet }> {
  const it = puppet(...given)
  await it.up()
  it.opened.resolve()
  await it.wait
  return { it }
}
