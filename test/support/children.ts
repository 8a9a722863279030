import { readFileSync } from 'node:fs'
import { type Deferred, deferred } from '../../src/promises.ts'
import { realSys, type Sys } from '../../src/sys.ts'
import type { Address, Child } from '../../src/types/child.ts'
import type { StartOptions } from '../../src/types/options.ts'
import type { Spinner } from '../../src/types/spinner.ts'
import { FakeClock, sysWith } from './clock.ts'
import { isAlive, newFile, newSpinner, until } from './host.ts'

/** A child that does nothing, costs little and ends at the first signal. */
export const sleeper = (name: string): StartOptions => ({
  name,
  command: 'sleep',
  args: ['600'],
  listen: null,
})

/** The real outside world with a clock that stands still and a record of what was spawned. */
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

/** Whether a process lives. One that nobody has reaped yet does not, although it can be signalled. */
export function lives(pid: number): boolean {
  if (process.platform !== 'linux') return isAlive(pid)
  try {
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}

/** What a wait ends with: the error, or `null` when it went well. */
export function failureOf(wait: PromiseLike<unknown>): Promise<(Error & { code?: string }) | null> {
  return Promise.resolve(wait.then(() => null)).catch((thrown) => thrown)
}

/** The wait for a child as an ordinary promise. */
export const ready = (child: Child): Promise<Address | null> => child.then((address) => address)

/** A child whose every step the test decides. */
export interface Puppet extends Watched {
  readonly spinner: Spinner
  readonly child: Child
  readonly options: StartOptions
  /** It is monitored. */
  readonly file: string
  /** A process becomes ready when this is resolved, and fails to when it is rejected. */
  opened: Deferred<void>
  /** The states it went through. */
  readonly states: string[]
  /** What the first start ends with. */
  readonly wait: Promise<Address | null>
  /** Resolves when the process that was spawned last has set itself up. */
  up(): Promise<unknown>
}

/** A puppet ignores SIGTERM: only SIGKILL ends it, so that a stop takes until the test lets time pass. */
const IGNORES_TERM = "trap '' TERM; echo up; sleep 600; :"

/** A puppet that is `starting`. */
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

/** Ends what puppets still run: to be called after each test, since nobody else lets their time pass. */
export async function endPuppets(): Promise<void> {
  for (const { child, clock } of puppets) {
    child.stop().catch(() => {})
    await clock.advance(31)
  }
  puppets.clear()
}

/** A puppet that is `started`. */
export async function startedPuppet(...given: Parameters<typeof puppet>): Promise<{ it: Puppet }> {
  const it = puppet(...given)
  await it.up()
  it.opened.resolve()
  await it.wait
  return { it }
}
