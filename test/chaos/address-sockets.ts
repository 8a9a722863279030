import * as fs from 'node:fs'
import path from 'node:path'
import { SpinnerError, type SpinnerOptions, type StartOptions } from '../../src/index.ts'
import type { Fault, Rng } from './fault.ts'
import { type ListenerEnv, listener } from './listener.ts'
import { listenHere, mustAnswer, verifyReadyEvents } from './listening.ts'
import { pause } from './processes.ts'
import { codeOf, inTime, inWorld, mustHold, spawned, until, type World } from './world.ts'

/** Lets spinner create its runtime directory, or passes one as `runtimeDir`. */
const eitherFolder =
  (rng: Rng) =>
  (folder: string): SpinnerOptions =>
    rng.random() < 0.5 ? { runtimeDir: path.join(folder, 'run') } : {}

const isRefusal = (code: string | null): boolean =>
  code === 'ERR_SPINNER_FOREIGN_LISTENER' || code === 'ERR_SPINNER_EXITED'

/** Listens on the path of the child between its spawn and its bind. */
async function takenPath(rng: Rng, world: World): Promise<void> {
  const go = path.join(world.folder, 'go')
  const env: ListenerEnv = {
    GO: go,
    ...rng.pick<ListenerEnv>([{}, { STAYS: 'yes' }, { STAYS: 'yes', HOLDS_ANOTHER: 'yes' }]),
  }
  const options = { name: 'taken', ...listener(env), attempts: rng.int(1, 2) }
  const child = world.spinner.start(options)
  const times = verifyReadyEvents(child)
  const outcome = codeOf(inTime(child, 'the start'))
  await until(() => child.pid !== null, 'the spawn')
  const socketPath = String(child.address)
  const other = await listenHere({ path: socketPath })
  try {
    if (rng.random() < 0.5) await pause(rng.int(0, 10))
    fs.writeFileSync(go, '')
    const code = await outcome
    const what = `with ${JSON.stringify(env)} in the child's environment, the start ended with ${code}`
    mustHold(isRefusal(code), what)
    await pause(rng.int(0, 10))
    mustHold(times() === 0, `${what}, and an event reported the child as ready`)
    mustHold(
      child.state === 'faulted' && spawned(world).length === 0,
      `${what}, and the child is ${child.state}`,
    )
    await other.mustAnswer({ socketPath })
    await other.close()
    await inTime(child.restart(), 'a restart when the path is free')
    await mustAnswer(child)
  } finally {
    await other.close()
  }
}

/** A file that occupies a path, and a test that it is still there unchanged. */
interface Thing {
  readonly name: string
  put(socket: string, folder: string): void | Promise<void>
  isThere(socket: string, folder: string): boolean
}

const STALE: Thing = {
  name: 'a stale socket',
  async put(socket) {
    const draft = `${socket}.draft`
    const server = await listenHere({ path: draft })
    fs.renameSync(draft, socket)
    await server.close()
  },
  isThere: (socket) => fs.lstatSync(socket, { throwIfNoEntry: false })?.isSocket() ?? false,
}

const THINGS: readonly Thing[] = [
  {
    name: 'a symbolic link to nothing',
    put: (socket, folder) => fs.symlinkSync(path.join(folder, 'nothing'), socket),
    isThere: (socket, folder) =>
      fs.readlinkSync(socket) === path.join(folder, 'nothing') &&
      !fs.existsSync(path.join(folder, 'nothing')),
  },
  {
    name: 'a symbolic link to a file',
    put(socket, folder) {
      fs.writeFileSync(path.join(folder, 'precious'), 'precious')
      fs.symlinkSync(path.join(folder, 'precious'), socket)
    },
    isThere: (socket) =>
      fs.lstatSync(socket).isSymbolicLink() && fs.readFileSync(socket, 'utf8') === 'precious',
  },
  {
    name: 'a file',
    put: (socket) => fs.writeFileSync(socket, 'precious'),
    isThere: (socket) => fs.readFileSync(socket, 'utf8') === 'precious',
  },
  {
    name: 'a folder',
    put(socket) {
      fs.mkdirSync(socket)
      fs.writeFileSync(path.join(socket, 'inside'), 'precious')
    },
    isThere: (socket) => fs.readFileSync(path.join(socket, 'inside'), 'utf8') === 'precious',
  },
]

/** Puts a file of some kind at the socket path of a stopped child and starts the child again. */
async function occupiedPath(rng: Rng, world: World): Promise<void> {
  const options: StartOptions = { name: 'occupied', ...listener() }
  const child = world.spinner.start(options)
  const times = verifyReadyEvents(child)
  await inTime(child, 'the first start')
  const socket = String(child.address)
  await inTime(child.stop(), 'stop()')
  await until(() => !fs.existsSync(socket), 'the removal of the socket of a stopped child')
  const thing = rng.random() < 0.3 ? STALE : rng.pick(THINGS)
  await thing.put(socket, world.folder)
  mustHold(thing.isThere(socket, world.folder), `${thing.name} could not be put there`)
  const thrown: unknown = await inTime(world.spinner.start(options), 'the start').then(
    () => null,
    (error: unknown) => error,
  )
  if (thing !== STALE) {
    const isClear =
      thrown instanceof SpinnerError && isRefusal(thrown.code) && thrown.message.includes(socket)
    mustHold(isClear, `with ${thing.name} at its path, the start ended with ${thrown}`)
    mustHold(times() === 1, `with ${thing.name} at its path, an event reported the child as ready`)
    mustHold(thing.isThere(socket, world.folder), `${thing.name} was changed`)
    fs.rmSync(socket, { recursive: true })
    await inTime(child.restart(), 'a restart when the path is free')
  } else mustHold(thrown === null, `with ${thing.name} at its path, the start ended with ${thrown}`)
  await mustAnswer(child)
}

/** Starts a child that exits at once or soon after it has bound. */
async function bindsAndDies(rng: Rng, world: World): Promise<void> {
  const exited = new Set<number | null>([null])
  const broken: string[] = []
  const child = world.spinner.start({
    name: 'short-lived',
    ...listener({ AFTER_MS: rng.int(0, 50), EXIT_CODE: rng.int(0, 1) }),
    listen: rng.pick(['socket', 'port'] as const),
    attempts: rng.int(1, 2),
    maxRestarts: rng.int(0, 1),
    restart: rng.pick(['always', 'never'] as const),
  })
  child.on('exit', () => void exited.add(child.pid))
  for (const event of ['started', 'restarted'] as const)
    child.on(event, () => exited.has(child.pid) && broken.push(`${event} was emitted after the exit`))
  const isOver = (): boolean => child.state === 'faulted' || child.state === 'stopped'
  await until(() => exited.size > 1 && isOver(), 'the end of all attempts')
  mustHold(broken.length === 0, broken.join(', '))
  mustHold(spawned(world).length === 0, 'a process of the child is alive')
}

const often = { times: 200, short: 4, atOnce: 2 } as const

/** Faults of socket paths that are taken, and of children that listen only for a moment. */
export const socketFaults: readonly Fault[] = [
  {
    ...often,
    name: 'another process listens on the socket of a child before the child binds',
    inject: (rng) => inWorld((world) => takenPath(rng, world), eitherFolder(rng)),
  },
  {
    ...often,
    name: 'something else is at the socket path of a child',
    inject: (rng) => inWorld((world) => occupiedPath(rng, world), eitherFolder(rng)),
  },
  {
    ...often,
    name: 'a child binds and dies at once',
    inject: (rng) => inWorld((world) => bindsAndDies(rng, world)),
  },
]
