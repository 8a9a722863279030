import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Child, StartOptions } from '../../src/index.ts'
import { Asking } from './asking.ts'
import type { Fault, Luck } from './fault.ts'
import { listener } from './listener.ts'
import { kill, pause } from './processes.ts'
import { mustAnswer } from './who-listens.ts'
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

/** A child that is replaced over and over, while it is asked all the time. */
interface Scene {
  readonly luck: Luck
  readonly world: World
  readonly child: Child
  readonly options: StartOptions
  readonly asking: Asking
  readonly go: string
  /** For messages. */
  readonly done: string[]
}

const LONGEST_MOMENT_MS = 150

const someMoment = (luck: Luck): Promise<void> => pause(luck.int(0, 1) * luck.int(0, LONGEST_MOMENT_MS))

/** The next process takes its place, or does not, and everybody is answered. */
async function replace(scene: Scene, more: Partial<StartOptions>, comes: boolean): Promise<void> {
  const { child, options, world } = scene
  const { pid } = child
  world.spinner.start({ ...options, ...more })
  const code = await inTime(codeOf(child.restart()), 'restart()')
  mustHold((code === null) === comes, `${scene.done.join(', ')}: restart() ended with ${code}`)
  mustHold((child.pid !== pid) === comes, `${scene.done.join(', ')}: ${pid} was followed by ${child.pid}`)
}

/** One of the two is killed, at any moment. */
async function strike({ asking, child, luck, world }: Scene, whom: 'old' | 'new'): Promise<void> {
  const old = child.pid
  const restart = codeOf(child.restart())
  const struck = (): number | undefined => spawned(world).find((pid) => (pid === old) === (whom === 'old'))
  if (whom === 'new') await until(() => struck() !== undefined || child.state === 'started', 'a new process')
  await someMoment(luck)
  const pid = struck()
  // It may serve already, or still.
  asking.excused = true
  if (pid !== undefined) {
    kill(pid)
    await until(() => !spawned(world).includes(pid), 'the end of what was killed')
  }
  await inTime(restart, 'restart()')
}

/** The new one is killed before it can have been ready. */
async function strikeUnready(scene: Scene): Promise<void> {
  const { child, go, luck, options, world } = scene
  const { pid: old } = child
  rmSync(go)
  const restart = codeOf(child.restart())
  const isYoung = (pid: number): boolean => pid !== old
  await until(() => spawned(world).some(isYoung), 'a new process')
  await pause(luck.int(0, 5))
  for (const pid of spawned(world).filter(isYoung)) kill(pid)
  writeFileSync(go, '')
  const code = await inTime(restart, 'restart()')
  const comes = options.attempts !== 1
  mustHold((code === null) === comes, `${scene.done.join(', ')}: restart() ended with ${code}`)
  mustHold((child.pid !== old) === comes, `${scene.done.join(', ')}: ${old} was followed by ${child.pid}`)
}

/** The new one is killed when it has taken the place of the old one, and not everybody has been told of it. */
async function strikeServing({ asking, child, done, options, world }: Scene): Promise<void> {
  const { pid: old } = child
  let struck = 0
  const ready = async (): Promise<void> => {
    if (struck !== 0 || child.pid === null) return
    struck = child.pid
    asking.excused = true
    const ended = new Promise((resolve) => child.once('exit', resolve))
    kill(struck)
    await ended
  }
  const leave = world.spinner.use({ name: 'strikes', ready })
  const code = await inTime(codeOf(child.restart()), 'restart()')
  leave()
  const comes = options.attempts !== 1
  mustHold(struck !== old, `${done.join(', ')}: plugins were told of the old process`)
  mustHold((code === null) === comes, `${done.join(', ')}: restart() ended with ${code}`)
  mustHold((child.pid !== old) === comes, `${done.join(', ')}: ${old} was followed by ${child.pid}`)
}

async function stop({ asking, child, luck, world }: Scene): Promise<void> {
  const restart = codeOf(child.restart())
  await someMoment(luck)
  asking.excused = true
  await inTime(child.stop(), 'stop()')
  mustBeGone(world, 'in the turn in which stop() resolved')
  mustHold(socketsIn(world).length === 0, `a stopped child has left ${socketsIn(world).join(', ')}`)
  await inTime(restart, 'restart()')
}

/** Several callers, and a file that changes, at once. */
async function hurry({ child, luck, options, world }: Scene): Promise<void> {
  const restarts: Promise<string | null>[] = []
  for (let call = luck.int(1, 3); call > 0; call--) {
    if (luck.random() < 0.5) writeFileSync(watchedIn(world), String(luck.random()))
    restarts.push(codeOf(child.restart()))
    await someMoment(luck)
  }
  const codes = await inTime(Promise.all(restarts), 'the restarts')
  mustHold(
    codes.every((code) => code === null),
    `of some restarts at once one ended with ${codes.join(', ')}`,
  )
  // What was changed last may be told late. The first of these may join a restart that has begun with the monitor.
  world.spinner.start({ ...options, monitor: null })
  for (let time = 0; time < 2; time++) await inTime(child.restart(), 'a restart without the monitor')
}

/** What may come between, and how a version can be broken. */
const ACTS: Readonly<Record<string, (scene: Scene) => Promise<void>>> = {
  'a new version': (scene) => replace(scene, {}, true),
  'a version that ends at once': (scene) => replace(scene, { command: 'false', args: [] }, false),
  'a version that does not listen': (scene) =>
    replace(scene, { command: 'sleep', args: ['600'], timeout: 0.1 }, false),
  'a version that says that it is ready and does not listen': (scene) =>
    replace(
      scene,
      { command: 'sh', args: ['-c', 'echo up; exec sleep 600'], ready: { output: /up/ }, timeout: 0.1 },
      false,
    ),
  'the old process killed': (scene) => strike(scene, 'old'),
  'the new process killed': (scene) => strike(scene, 'new'),
  'the new process killed before it is ready': strikeUnready,
  'the new process killed when it serves': strikeServing,
  'a stop': stop,
  'some restarts and changes': hurry,
}

const watchedIn = ({ folder }: World): string => path.join(folder, 'watched.txt')

const socketsIn = ({ folder }: World): string[] =>
  readdirSync(path.join(folder, 'run')).filter((file) => file.endsWith('.sock'))

/** One process that answers, and one socket, however it was brought about. */
async function mustServe({ asking, child, done, options, world }: Scene): Promise<void> {
  world.spinner.start(options)
  if (child.state === 'faulted') void child.restart()
  const isRight = (): boolean =>
    child.state === 'started' && spawned(world).join() === String(child.pid) && socketsIn(world).length === 1
  await until(isRight, `${done.join(', ')}: one process at one socket`).catch((thrown: Error) => {
    const seen = [...spawned(world).map(describe), ...socketsIn(world), child.info().reason]
    throw new Error(
      `${thrown.message}: it is ${child.state} with pid ${child.pid}, and there is ${seen.join(', ')}`,
    )
  })
  await mustAnswer(child)
  asking.mustHold(done.join(', '))
  asking.excused = false
}

/** Looks all the time that not more live than the one that serves and the one that comes up. */
function watch(world: World): { mustHold(): void; end(): void } {
  let broken = ''
  const timer = setInterval(() => {
    const seen = spawned(world)
    if (seen.length > 2) broken ||= `${seen.length} processes lived at once: ${seen.map(describe).join(', ')}`
  }, 1)
  return { mustHold: () => mustHold(broken === '', broken), end: () => clearInterval(timer) }
}

async function replaceOften(luck: Luck, world: World): Promise<void> {
  const go = path.join(world.folder, 'go')
  writeFileSync(go, '')
  writeFileSync(watchedIn(world), 'as it was')
  const options: StartOptions = {
    name: 'replaced',
    ...listener({ GO: go, GRACEFUL: 'yes', BEFORE_MS: luck.int(0, 5) }),
    restartOrder: 'start-first',
    attempts: luck.int(1, 2),
    maxRestarts: 20,
    monitor: { paths: watchedIn(world), debounce: 0.01 },
  }
  const hook = (): Promise<void> => pause(luck.int(0, 10))
  if (luck.random() < 0.5) world.spinner.use({ name: 'slow', ready: hook, drain: hook })
  const child = world.spinner.start(options)
  await inTime(child, 'the start')
  const watching = watch(world)
  const scene: Scene = { luck, world, child, options, go, done: [], asking: new Asking(child) }
  try {
    for (let acts = luck.int(2, 4); acts > 0; acts--) {
      const name = luck.pick(Object.keys(ACTS))
      scene.done.push(name)
      await ACTS[name]?.(scene)
      await mustServe(scene)
    }
    watching.mustHold()
  } finally {
    watching.end()
    await scene.asking.end()
  }
  await inTime(child.stop(), 'the last stop')
  mustBeGone(world, `${scene.done.join(', ')}: after the last stop`)
  mustHold(socketsIn(world).length === 0, `${scene.done.join(', ')}: ${socketsIn(world).join(', ')} are left`)
}

/** Children whose next process is started before the last one is ended. */
export const replacementFaults: readonly Fault[] = [
  {
    name: 'the next version of a child is broken, or its processes are killed, while it is replaced',
    times: 300,
    short: 3,
    atOnce: 2,
    inject: (luck) =>
      inWorld(
        (world) => replaceOften(luck, world),
        (folder) => ({ runtimeDir: path.join(folder, 'run') }),
      ),
  },
]
