import { writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Child } from '../../src/types/child.ts'
import type { SpinnerOptions, StartOptions } from '../../src/types/options.ts'
import { listener } from './listener.ts'
import { Broken, type World } from './world.ts'

/** A use of spinner, from a new spinner to the last stop. */
export interface Scenario {
  readonly name: string
  readonly options?: SpinnerOptions
  /** Acts as a user would. Errors of spinner are allowed; `judge` checks everything else. */
  run(world: World): Promise<void>
  /** Options for the start after the fault is lifted, if the child of the scenario can never start. */
  readonly afterFault?: StartOptions
}

const server = (name: string, more: Partial<StartOptions> = {}): StartOptions => ({
  name,
  ...listener(),
  ...more,
})
const sleeper = (name: string): StartOptions => ({ name, command: 'sleep', args: ['600'], listen: null })

/** Waits for the start. A rejection is allowed; a success without a process that serves is not. */
async function begin(world: World, child: Child): Promise<boolean> {
  const { error } = await world.settle(child, `the start of '${child.name}'`)
  if (error) return false
  if (child.state === 'started') await world.mustServe(child)
  return true
}

async function stop(world: World, ...names: string[]): Promise<void> {
  const stops = Promise.allSettled(names.map((name) => world.spinner.stop(name)))
  const { value = [] } = await world.settle(stops, 'a stop')
  if (value.some(({ status }) => status === 'rejected')) return
  const left = world.living()
  if (left.length > 0) throw new Broken(`stop() has resolved, but these are alive: ${left.join('; ')}`)
}

/** Waits for an automatic restart. It succeeds, or the child becomes faulted or stopped. */
async function comesBack(world: World, child: Child, pid: number | null): Promise<void> {
  const isBack = (): boolean =>
    child.state === 'faulted' || child.state === 'stopped' || (child.state === 'started' && child.pid !== pid)
  await world.until(isBack, `'${child.name}' stays ${child.state} forever`)
}

async function crash(world: World): Promise<void> {
  const child = world.start({ ...sleeper('a'), maxRestarts: 2 })
  if (await begin(world, child)) {
    const { pid } = child
    if (pid !== null) process.kill(pid, 'SIGKILL')
    await comesBack(world, child, pid)
  }
  await stop(world, 'a')
}

async function change(world: World): Promise<void> {
  const file = path.join(world.folder, 'watched.txt')
  writeFileSync(file, 'as it was')
  const child = world.start({ ...sleeper('a'), monitor: file })
  if (await begin(world, child)) {
    const { pid } = child
    let changes = 0
    // If the fault has broken the monitor, an `error` event says so, and the monitor notices the next change.
    const isSeen = (): boolean => {
      if (++changes % 25 === 0) writeFileSync(file, `changed ${changes}`)
      return child.state !== 'started' || child.pid !== pid
    }
    writeFileSync(file, 'changed')
    // A change of an unreadable file cannot be noticed. A change after the file is readable again must be.
    if (world.alwaysFails(/watched file/)) world.faulty.lift()
    await world.until(isSeen, 'no change was ever noticed')
    await comesBack(world, child, pid)
  }
  await stop(world, 'a')
}

async function twice(world: World): Promise<void> {
  for (let cycle = 0; cycle < 2; cycle++) {
    await begin(world, cycle === 0 ? world.start(server('a')) : world.spinner.start({ name: 'a' }))
    await stop(world, 'a')
  }
}

async function two(world: World): Promise<void> {
  const children = [world.start(server('a')), world.start(server('b', { listen: 'port' }))]
  await Promise.all(children.map((child) => begin(world, child)))
  await stop(world, 'a', 'b')
}

async function one(world: World, options: StartOptions): Promise<void> {
  await begin(world, world.start(options))
  await stop(world, 'a')
}

/** Restarts the child. After a failed restart the old process serves, or the child is faulted. */
async function replaced(world: World, child: Child): Promise<void> {
  const { pid } = child
  const { error } = await world.settle(child.restart(), 'a restart')
  if (child.state === 'faulted') return
  await world.mustServe(child)
  if (!error && child.pid === pid) throw new Broken('restart() has resolved, but the process is the old one')
}

async function replace(world: World): Promise<void> {
  const child = world.start(server('a', startFirst))
  if (await begin(world, child)) {
    await replaced(world, child)
    if (child.state === 'started') await replaced(world, child)
  }
  await stop(world, 'a')
}

/** Kills the new process after it has taken over the socket, but before all plugins know it. */
async function replaceAndKill(world: World): Promise<void> {
  const child = world.start(server('a', { ...startFirst, attempts: 1 }))
  if (await begin(world, child)) {
    const ready = async (): Promise<void> => {
      const ended = new Promise((resolve) => child.once('exit', resolve))
      if (child.pid !== null) process.kill(child.pid, 'SIGKILL')
      await ended
    }
    const leave = world.spinner.use({ name: 'unlucky', ready })
    await replaced(world, child)
    leave()
  }
  await stop(world, 'a')
}

const startFirst: Partial<StartOptions> = { restartOrder: 'start-first' }

/** Starts a process that leaves its group. spinner finds it only in /proc, so it is lost while /proc is unreadable. */
async function leaver(world: World): Promise<void> {
  if (!world.alwaysFails(/\/proc/)) return one(world, grandchild)
  await begin(world, world.start(grandchild))
  await world.settle(world.spinner.stop('a'), 'a stop')
  world.endAll()
}

const grandchild: StartOptions = {
  name: 'a',
  command: 'sh',
  args: ['-c', 'setsid sleep 600 & echo up; exec sleep 600'],
  listen: null,
  ready: { output: /up/ },
}

/** The leader exits at SIGTERM, but a member of its group exits only at SIGKILL. */
const survivor: StartOptions = {
  name: 'a',
  command: 'sh',
  args: ['-c', "(trap '' TERM; echo up; while :; do sleep 600; done) & exec sleep 600"],
  listen: null,
  ready: { output: /up/ },
}

/** Closes the spinner while its child is started. */
async function close(world: World): Promise<void> {
  await begin(world, world.start(server('a')))
  await world.close()
}

/** A child that is never ready, so that spinner searches for other addresses on which it listens. */
const late = (listen: 'port' | 'socket'): StartOptions => ({
  ...sleeper('a'),
  listen,
  timeout: 1,
  attempts: 1,
})

const script: StartOptions = { name: 'a', script: 'test/fixtures/stays-alive.js', listen: null }

const orphans = 'leave'
const missing = 'no-such-program'

export const scenarios: readonly Scenario[] = [
  { name: 'unix socket', run: (world) => one(world, server('a')) },
  { name: 'unix socket, no watchdog', options: { orphans }, run: (world) => one(world, server('a')) },
  { name: 'tcp port', run: (world) => one(world, server('a', { listen: 'port' })) },
  { name: 'crash', run: crash },
  { name: 'crash, no watchdog', options: { orphans }, run: crash },
  { name: 'file change', run: change },
  { name: 'named folder, twice', options: { runtimeDir: 'named' }, run: twice },
  { name: 'two at once', run: two },
  { name: 'replaced, starting first', run: replace },
  { name: 'replaced, but the new process dies', options: { runtimeDir: 'named' }, run: replaceAndKill },
  { name: 'grandchild in another session', run: leaver },
  { name: 'group that outlives its leader', run: (world) => one(world, survivor) },
  { name: 'close while started', run: close },
  { name: 'close, no watchdog', options: { orphans }, run: close },
  { name: 'never ready on a port', run: (world) => one(world, late('port')), afterFault: server('a') },
  { name: 'never ready on a socket', run: (world) => one(world, late('socket')), afterFault: server('a') },
  {
    name: 'missing program',
    run: (world) => one(world, { ...sleeper('a'), command: missing }),
    afterFault: sleeper('a'),
  },
  {
    name: 'missing folder',
    run: (world) => one(world, { ...sleeper('a'), cwd: '/nowhere/at-all' }),
    afterFault: { ...sleeper('a'), cwd: null },
  },
  { name: 'script', run: (world) => one(world, script) },
]
