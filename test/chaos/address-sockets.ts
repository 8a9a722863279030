import * as fs from 'node:fs'
import path from 'node:path'
import { SpinnerError, type SpinnerOptions, type StartOptions } from '../../src/index.ts'
import type { Fault, Luck } from './fault.ts'
import { listener, type Told } from './listener.ts'
import { pause } from './processes.ts'
import { foreigner, mustAnswer, watchItsWord } from './who-listens.ts'
import { codeOf, inTime, inWorld, mustHold, spawned, until, type World } from './world.ts'

/** The folder that a spinner makes for itself, or one that it is given. */
const eitherFolder =
  (luck: Luck) =>
  (folder: string): SpinnerOptions =>
    luck.random() < 0.5 ? { runtimeDir: path.join(folder, 'run') } : {}

const isRefusal = (code: string | null): boolean =>
  code === 'ERR_SPINNER_FOREIGN_LISTENER' || code === 'ERR_SPINNER_EXITED'

/** Somebody listens on the path of the child, before its start or between the spawn and the bind. */
async function takenPath(luck: Luck, world: World): Promise<void> {
  const go = path.join(world.folder, 'go')
  const told: Told = {
    GO: go,
    ...luck.pick<Told>([{}, { STAYS: 'yes' }, { STAYS: 'yes', HOLDS_ANOTHER: 'yes' }]),
  }
  const options = { name: 'taken', ...listener(told), attempts: luck.int(1, 2) }
  const child = world.spinner.start(options)
  const times = watchItsWord(child)
  const outcome = codeOf(inTime(child, 'the start'))
  await until(() => child.pid !== null, 'the spawn')
  const socketPath = String(child.address)
  const other = await foreigner({ path: socketPath })
  try {
    if (luck.random() < 0.5) await pause(luck.int(0, 10))
    fs.writeFileSync(go, '')
    const code = await outcome
    const what = `where the child was told ${JSON.stringify(told)}, its start ended with ${code}`
    mustHold(isRefusal(code), what)
    await pause(luck.int(0, 10))
    mustHold(times() === 0, `${what}, and it was announced as ready`)
    mustHold(child.state === 'faulted' && spawned(world).length === 0, `${what}, and it is ${child.state}`)
    await other.mustAnswer({ socketPath })
    await other.close()
    await inTime(child.restart(), 'a restart when the path is free')
    await mustAnswer(child)
  } finally {
    await other.close()
  }
}

/** Something that stands at a path, and what shows that it still does. */
interface Thing {
  readonly name: string
  put(socket: string, folder: string): void | Promise<void>
  isThere(socket: string, folder: string): boolean
}

const STALE: Thing = {
  name: 'a stale socket',
  async put(socket) {
    const draft = `${socket}.draft`
    const server = await foreigner({ path: draft })
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

/** What stands at the path of a child when it is started. */
async function occupiedPath(luck: Luck, world: World): Promise<void> {
  const options: StartOptions = { name: 'occupied', ...listener() }
  const child = world.spinner.start(options)
  const times = watchItsWord(child)
  await inTime(child, 'the first start')
  const socket = String(child.address)
  await inTime(child.stop(), 'stop()')
  await until(() => !fs.existsSync(socket), 'the removal of the socket of a stopped child')
  const thing = luck.random() < 0.3 ? STALE : luck.pick(THINGS)
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
    mustHold(times() === 1, `with ${thing.name} at its path, it was announced as ready`)
    mustHold(thing.isThere(socket, world.folder), `${thing.name} is not as it was`)
    fs.rmSync(socket, { recursive: true })
    await inTime(child.restart(), 'a restart when the path is free')
  } else mustHold(thrown === null, `with ${thing.name} at its path, the start ended with ${thrown}`)
  await mustAnswer(child)
}

/** It binds, and dies at once or soon. */
async function bindsAndDies(luck: Luck, world: World): Promise<void> {
  const exited = new Set<number | null>([null])
  const broken: string[] = []
  const child = world.spinner.start({
    name: 'short-lived',
    ...listener({ AFTER_MS: luck.int(0, 50), EXIT_CODE: luck.int(0, 1) }),
    listen: luck.pick(['socket', 'port'] as const),
    attempts: luck.int(1, 2),
    maxRestarts: luck.int(0, 1),
    restart: luck.pick(['always', 'never'] as const),
  })
  child.on('exit', () => void exited.add(child.pid))
  for (const event of ['started', 'restarted'] as const)
    child.on(event, () => exited.has(child.pid) && broken.push(`${event} was announced after the exit`))
  const isOver = (): boolean => child.state === 'faulted' || child.state === 'stopped'
  await until(() => exited.size > 1 && isOver(), 'the end of all attempts')
  mustHold(broken.length === 0, broken.join(', '))
  mustHold(spawned(world).length === 0, 'a process of it lives')
}

const often = { times: 200, short: 4, atOnce: 2 } as const

/** Paths of sockets at which there is something already, and children that listen for a moment only. */
export const socketFaults: readonly Fault[] = [
  {
    ...often,
    name: 'somebody listens on the socket of a child before it binds',
    inject: (luck) => inWorld((world) => takenPath(luck, world), eitherFolder(luck)),
  },
  {
    ...often,
    name: 'something stands at the path of the socket of a child',
    inject: (luck) => inWorld((world) => occupiedPath(luck, world), eitherFolder(luck)),
  },
  {
    ...often,
    name: 'a child binds and dies at once',
    inject: (luck) => inWorld((world) => bindsAndDies(luck, world)),
  },
]
