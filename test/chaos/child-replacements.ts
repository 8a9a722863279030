import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Child, StartOptions } from '../../src/index.ts'
import type { Fault, Rng } from './fault.ts'
import { listener } from './listener.ts'
import { mustAnswer } from './listening.ts'
import { kill, pause } from './processes.ts'
import { RequestLoop } from './requests.ts'
import {
  codeOf,
  describe,
  inTime,
  inWorld,
  mustBeGone,
  mustHold,
  spawned,
  until,
  type World,
} from './world.ts'

/** A child that is replaced several times while it gets requests all the time. */
interface Scene {
  readonly rng: Rng
  readonly world: World
  readonly child: Child
  readonly options: StartOptions
  readonly requests: RequestLoop
  readonly go: string
  /** The acts so far, for messages. */
  readonly done: string[]
}

const LONGEST_MOMENT_MS = 150

const randomPause = (rng: Rng): Promise<void> => pause(rng.int(0, 1) * rng.int(0, LONGEST_MOMENT_MS))

/** Restarts the child with other options. The next process takes over, or the old one keeps serving. */
async function replace(scene: Scene, more: Partial<StartOptions>, succeeds: boolean): Promise<void> {
  const { child, options, world } = scene
  const { pid } = child
  world.spinner.start({ ...options, ...more })
  const code = await inTime(codeOf(child.restart()), 'restart()')
  mustHold((code === null) === succeeds, `${scene.done.join(', ')}: restart() ended with ${code}`)
  mustHold((child.pid !== pid) === succeeds, `${scene.done.join(', ')}: ${pid} was followed by ${child.pid}`)
}

/** Kills the old or the new process at a random moment of a restart. */
async function killOne({ requests, child, rng, world }: Scene, which: 'old' | 'new'): Promise<void> {
  const old = child.pid
  const restart = codeOf(child.restart())
  const killed = (): number | undefined => spawned(world).find((pid) => (pid === old) === (which === 'old'))
  if (which === 'new') await until(() => killed() !== undefined || child.state === 'started', 'a new process')
  await randomPause(rng)
  const pid = killed()
  // Requests may fail from here on: the killed process may be the one that serves.
  requests.mayFail = true
  if (pid !== undefined) {
    kill(pid)
    await until(() => !spawned(world).includes(pid), 'the exit of the killed process')
  }
  await inTime(restart, 'restart()')
}

/** Kills the new process before it can be ready. */
async function killUnready(scene: Scene): Promise<void> {
  const { child, go, rng, options, world } = scene
  const { pid: old } = child
  rmSync(go)
  const restart = codeOf(child.restart())
  const isYoung = (pid: number): boolean => pid !== old
  await until(() => spawned(world).some(isYoung), 'a new process')
  await pause(rng.int(0, 5))
  for (const pid of spawned(world).filter(isYoung)) kill(pid)
  writeFileSync(go, '')
  const code = await inTime(restart, 'restart()')
  const succeeds = options.attempts !== 1
  mustHold((code === null) === succeeds, `${scene.done.join(', ')}: restart() ended with ${code}`)
  mustHold((child.pid !== old) === succeeds, `${scene.done.join(', ')}: ${old} was followed by ${child.pid}`)
}

/** Kills the new process after it has taken over the socket, but before all plugins know it. */
async function killServing({ requests, child, done, options, world }: Scene): Promise<void> {
  const { pid: old } = child
  let killed = 0
  const ready = async (): Promise<void> => {
    if (killed !== 0 || child.pid === null) return
    killed = child.pid
    requests.mayFail = true
    const ended = new Promise((resolve) => child.once('exit', resolve))
    kill(killed)
    await ended
  }
  const leave = world.spinner.use({ name: 'strikes', ready })
  const code = await inTime(codeOf(child.restart()), 'restart()')
  leave()
  const succeeds = options.attempts !== 1
  mustHold(killed !== old, `${done.join(', ')}: the \`ready\` hook got the old process`)
  mustHold((code === null) === succeeds, `${done.join(', ')}: restart() ended with ${code}`)
  mustHold((child.pid !== old) === succeeds, `${done.join(', ')}: ${old} was followed by ${child.pid}`)
}

async function stop({ requests, child, rng, world }: Scene): Promise<void> {
  const restart = codeOf(child.restart())
  await randomPause(rng)
  requests.mayFail = true
  await inTime(child.stop(), 'stop()')
  mustBeGone(world, 'in the same turn in which stop() resolved')
  mustHold(socketsIn(world).length === 0, `a stopped child has left ${socketsIn(world).join(', ')}`)
  await inTime(restart, 'restart()')
}

/** Mixes several restarts with changes of a monitored file. */
async function restartAndChange({ child, rng, options, world }: Scene): Promise<void> {
  const restarts: Promise<string | null>[] = []
  for (let call = rng.int(1, 3); call > 0; call--) {
    if (rng.random() < 0.5) writeFileSync(watchedIn(world), String(rng.random()))
    restarts.push(codeOf(child.restart()))
    await randomPause(rng)
  }
  const codes = await inTime(Promise.all(restarts), 'the restarts')
  mustHold(
    codes.every((code) => code === null),
    `simultaneous restarts ended with ${codes.join(', ')}`,
  )
  // The last change may be noticed late. The first call may join a restart that still has the monitor; the second cannot.
  world.spinner.start({ ...options, monitor: null })
  for (let time = 0; time < 2; time++) await inTime(child.restart(), 'a restart without the monitor')
}

/** The acts from which each injection picks, and the ways in which a new version can be broken. */
const ACTS: Readonly<Record<string, (scene: Scene) => Promise<void>>> = {
  'a new version': (scene) => replace(scene, {}, true),
  'a version that ends at once': (scene) => replace(scene, { command: 'false', args: [] }, false),
  'a version that does not listen': (scene) =>
    replace(scene, { command: 'sleep', args: ['600'], timeout: 0.1 }, false),
  'a version that prints that it is ready but does not listen': (scene) =>
    replace(
      scene,
      { command: 'sh', args: ['-c', 'echo up; exec sleep 600'], ready: { output: /up/ }, timeout: 0.1 },
      false,
    ),
  'the old process killed': (scene) => killOne(scene, 'old'),
  'the new process killed': (scene) => killOne(scene, 'new'),
  'the new process killed before it is ready': killUnready,
  'the new process killed after it took over': killServing,
  'a stop': stop,
  'restarts and file changes at once': restartAndChange,
}

const watchedIn = ({ folder }: World): string => path.join(folder, 'watched.txt')

const socketsIn = ({ folder }: World): string[] =>
  readdirSync(path.join(folder, 'run')).filter((file) => file.endsWith('.sock'))

/** Waits until exactly one process serves at exactly one socket, whatever the acts were. */
async function mustServe({ requests, child, done, options, world }: Scene): Promise<void> {
  world.spinner.start(options)
  if (child.state === 'faulted') void child.restart()
  const isRight = (): boolean =>
    child.state === 'started' && spawned(world).join() === String(child.pid) && socketsIn(world).length === 1
  await until(isRight, `${done.join(', ')}: one process at one socket`).catch((thrown: Error) => {
    const seen = [...spawned(world).map(describe), ...socketsIn(world), child.info().reason]
    throw new Error(
      `${thrown.message}: the child is ${child.state} with pid ${child.pid}; found: ${seen.join(', ')}`,
    )
  })
  await mustAnswer(child)
  requests.mustHold(done.join(', '))
  requests.mayFail = false
}

/** Polls that at most two processes are alive: the one that serves and the one that starts. */
function watch(world: World): { mustHold(): void; end(): void } {
  let broken = ''
  const timer = setInterval(() => {
    const seen = spawned(world)
    if (seen.length > 2)
      broken ||= `${seen.length} processes were alive at once: ${seen.map(describe).join(', ')}`
  }, 1)
  return { mustHold: () => mustHold(broken === '', broken), end: () => clearInterval(timer) }
}

async function replaceOften(rng: Rng, world: World): Promise<void> {
  const go = path.join(world.folder, 'go')
  writeFileSync(go, '')
  writeFileSync(watchedIn(world), 'as it was')
  const options: StartOptions = {
    name: 'replaced',
    ...listener({ GO: go, GRACEFUL: 'yes', BEFORE_MS: rng.int(0, 5) }),
    restartOrder: 'start-first',
    attempts: rng.int(1, 2),
    maxRestarts: 20,
    monitor: { paths: watchedIn(world), debounce: 0.01 },
  }
  const hook = (): Promise<void> => pause(rng.int(0, 10))
  if (rng.random() < 0.5) world.spinner.use({ name: 'slow', ready: hook, drain: hook })
  const child = world.spinner.start(options)
  await inTime(child, 'the start')
  const watching = watch(world)
  const scene: Scene = { rng, world, child, options, go, done: [], requests: new RequestLoop(child) }
  try {
    for (let acts = rng.int(2, 4); acts > 0; acts--) {
      const name = rng.pick(Object.keys(ACTS))
      scene.done.push(name)
      await ACTS[name]?.(scene)
      await mustServe(scene)
    }
    watching.mustHold()
  } finally {
    watching.end()
    await scene.requests.end()
  }
  await inTime(child.stop(), 'the last stop')
  mustBeGone(world, `${scene.done.join(', ')}: after the last stop`)
  mustHold(socketsIn(world).length === 0, `${scene.done.join(', ')}: ${socketsIn(world).join(', ')} are left`)
}

/** Faults of children with `restartOrder: 'start-first'`. */
export const replacementFaults: readonly Fault[] = [
  {
    name: 'the next version of a child is broken, or its processes are killed, while it is replaced',
    times: 300,
    short: 3,
    atOnce: 2,
    inject: (rng) =>
      inWorld(
        (world) => replaceOften(rng, world),
        (folder) => ({ runtimeDir: path.join(folder, 'run') }),
      ),
  },
]
