import { writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Child } from '../../src/types/child.ts'
import type { SpinnerOptions, StartOptions } from '../../src/types/options.ts'
import { listener } from './listener.ts'
import { Broken, type World } from './world.ts'

/** Something that users do, from a new spinner to the last stop. */
export interface Scenario {
  readonly name: string
  readonly options?: SpinnerOptions
  /** Acts as a user would; failures of ours are welcome, and the rest is up to the judge. */
  run(world: World): Promise<void>
  /** With what a child that could never start is started when the fault has gone. */
  readonly mended?: StartOptions
}

const server = (name: string, more: Partial<StartOptions> = {}): StartOptions => ({
  name,
  ...listener(),
  ...more,
})
const sleeper = (name: string): StartOptions => ({ name, command: 'sleep', args: ['600'], listen: null })

/** A wait that fails is an answer; one that succeeds with nothing behind it is not. */
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
  if (left.length > 0) throw new Broken(`stop() has resolved while there lives: ${left.join('; ')}`)
}

/** A restart that nobody asked for: it succeeds, or the child says that it has given up. */
async function comesBack(world: World, child: Child, pid: number | null): Promise<void> {
  const isBack = (): boolean =>
    child.state === 'faulted' || child.state === 'stopped' || (child.state === 'started' && child.pid !== pid)
  await world.until(isBack, `'${child.name}' stays ${child.state} for ever`)
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
    // A monitor that the fault has made blind is told of by an `error` event, and sees the next change.
    const isSeen = (): boolean => {
      if (++changes % 25 === 0) writeFileSync(file, `changed ${changes}`)
      return child.state !== 'started' || child.pid !== pid
    }
    writeFileSync(file, 'changed')
    // A file that cannot be read tells nothing; what is written when it can be read again must be seen.
    if (world.isBlindTo(/watched file/)) world.faulty.lift()
    await world.until(isSeen, 'no change was ever seen')
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

/** A restart that did not succeed has left the old process, or has made the child say that it gave up. */
async function replaced(world: World, child: Child): Promise<void> {
  const { pid } = child
  const { error } = await world.settle(child.restart(), 'a restart')
  if (child.state === 'faulted') return
  await world.mustServe(child)
  if (!error && child.pid === pid) throw new Broken('restart() has resolved, and there is no other process')
}

async function replace(world: World): Promise<void> {
  const child = world.start(server('a', successive))
  if (await begin(world, child)) {
    await replaced(world, child)
    if (child.state === 'started') await replaced(world, child)
  }
  await stop(world, 'a')
}

/** The new process takes the place of the old one, and ends before all have been told of it. */
async function replaceInVain(world: World): Promise<void> {
  const child = world.start(server('a', { ...successive, attempts: 1 }))
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

const successive: Partial<StartOptions> = { restartOrder: 'start-first' }

/** What left its group is found in /proc only: as long as that cannot be read, it is lost. */
async function leaver(world: World): Promise<void> {
  if (!world.isBlindTo(/\/proc/)) return one(world, grandchild)
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

/** Its leader ends at the first signal, and a member of its group at the kill only. */
const survivor: StartOptions = {
  name: 'a',
  command: 'sh',
  args: ['-c', "(trap '' TERM; echo up; while :; do sleep 600; done) & exec sleep 600"],
  listen: null,
  ready: { output: /up/ },
}

/** The end of the host's own: the spinner is closed while its child works. */
async function close(world: World): Promise<void> {
  await begin(world, world.start(server('a')))
  await world.close()
}

/** Never ready, so that it is looked for where it listens instead. */
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
  { name: 'replaced in vain, in a named folder', options: { runtimeDir: 'named' }, run: replaceInVain },
  { name: 'grandchild in another session', run: leaver },
  { name: 'group that outlives its leader', run: (world) => one(world, survivor) },
  { name: 'close while started', run: close },
  { name: 'close, no watchdog', options: { orphans }, run: close },
  { name: 'late on a port', run: (world) => one(world, late('port')), mended: server('a') },
  { name: 'late on a socket', run: (world) => one(world, late('socket')), mended: server('a') },
  {
    name: 'missing program',
    run: (world) => one(world, { ...sleeper('a'), command: missing }),
    mended: sleeper('a'),
  },
  {
    name: 'missing folder',
    run: (world) => one(world, { ...sleeper('a'), cwd: '/nowhere/at-all' }),
    mended: { ...sleeper('a'), cwd: null },
  },
  { name: 'script', run: (world) => one(world, script) },
]
