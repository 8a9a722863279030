import type { Child, StartOptions } from '../../src/index.ts'
import type { Fault, Luck } from './fault.ts'
import { listener, type Told } from './listener.ts'
import { pause } from './processes.ts'
import { type Foreigner, foreigner, foreignerAt, mustAnswer, watchItsWord } from './who-listens.ts'
import { codeOf, inTime, inWorld, mustHold, spawned, type World } from './world.ts'

const HOSTS = ['127.0.0.1', '::1', '0.0.0.0'] as const
/** Where a child may bind so that it meets a foreigner there, or so that the foreigner is found before it. */
const MEETS: Readonly<Record<string, readonly string[]>> = {
  '127.0.0.1': ['127.0.0.1', '0.0.0.0', '::', '::1'],
  '::1': ['::1', '::'],
  '0.0.0.0': ['127.0.0.1', '0.0.0.0', '::', '::1'],
}

/** It dies when its port is taken, or lives on as if nothing were. */
const stays = (luck: Luck): Told => (luck.random() < 0.5 ? { STAYS: 'yes' } : {})

async function mustBecomeReady(child: Child, times: () => number): Promise<void> {
  const code = await codeOf(inTime(child, 'the start'))
  mustHold(code === null, `its start ended with ${code}: ${child.info().lastError?.message}`)
  mustHold(times() > 0, 'it is started, and was not announced')
  await mustAnswer(child)
}

/** The allocator that the child is given knows no better. */
async function givenTaken(luck: Luck, world: World): Promise<void> {
  const hosts = [luck.pick(HOSTS), luck.pick(HOSTS)].slice(0, luck.int(1, 2))
  const foreigners = await Promise.all(hosts.map((host) => foreigner({ host, port: 0 })))
  const ports = foreigners.map(({ port }) => port)
  const allocate = async (): Promise<number> => {
    const taken = ports.shift()
    if (taken !== undefined) return taken
    const free = await foreigner({ host: '::', port: 0 })
    await free.close()
    return free.port
  }
  const told = { BIND: luck.pick(['127.0.0.1', '::1', '0.0.0.0', '::']), ...stays(luck) }
  const listen = { allocate, release: () => {} }
  try {
    const child = world.spinner.start({ name: 'given', ...listener(told), listen })
    await mustBecomeReady(child, watchItsWord(child))
  } finally {
    for (const each of foreigners) await each.close()
  }
}

/** The port that the child had before was taken while it was stopped. */
async function takenMeanwhile(luck: Luck, world: World): Promise<void> {
  const host = luck.pick(HOSTS)
  const options: StartOptions = { name: 'again', ...listener({ BIND: '::', ...stays(luck) }), listen: 'port' }
  const child = world.spinner.start(options)
  const times = watchItsWord(child)
  await inTime(child, 'the first start')
  const port = Number(child.address)
  await child.stop()
  const other = await foreigner({ host, port })
  try {
    await mustBecomeReady(world.spinner.start(options), times)
    mustHold(child.address !== port, `it is ready on ${port}, which is taken`)
    await other.mustAnswer({ host: host === '::1' ? host : '127.0.0.1', port })
  } finally {
    await other.close()
  }
}

/** Takes each of the first ports that the child is given, as soon as they are known. */
async function steal(luck: Luck, child: Child, stolen: Foreigner[]): Promise<void> {
  const seen = new Set<unknown>([null])
  const thefts = luck.int(1, 3)
  while (child.state === 'starting' && seen.size <= thefts) {
    const { address } = child
    if (!seen.has(address)) {
      seen.add(address)
      const thief = await foreignerAt({ host: luck.pick(HOSTS), port: Number(address) })
      if (thief) stolen.push(thief)
    }
    await new Promise((resolve) => setImmediate(resolve))
  }
}

async function robbed(luck: Luck, world: World): Promise<void> {
  const told = { BEFORE_MS: luck.int(0, 10), BIND: luck.pick(['127.0.0.1', '::1', '::']), ...stays(luck) }
  const stolen: Foreigner[] = []
  try {
    const child = world.spinner.start({ name: 'robbed', ...listener(told), listen: 'port' })
    const times = watchItsWord(child)
    await Promise.all([steal(luck, child, stolen), mustBecomeReady(child, times)])
  } finally {
    for (const thief of stolen) await thief.close()
  }
}

async function fixedPort(luck: Luck, world: World): Promise<void> {
  const host = luck.pick(HOSTS)
  const BIND = luck.pick(MEETS[host] as readonly string[])
  const other = await foreigner({ host, port: 0 })
  try {
    const told = { BIND, BEFORE_MS: luck.int(0, 10), ...stays(luck) }
    const options = { name: 'fixed', ...listener(told), listen: other.port, attempts: luck.int(1, 2) }
    const child = world.spinner.start(options)
    const times = watchItsWord(child)
    const code = await codeOf(inTime(child, 'the start'))
    const what = `with somebody on ${host} and the child on ${BIND}, its start ended with ${code}`
    mustHold(code === 'ERR_SPINNER_FOREIGN_LISTENER' || code === 'ERR_SPINNER_EXITED', what)
    await pause(luck.int(0, 10))
    mustHold(times() === 0, `${what}, and it was announced as ready`)
    mustHold(child.state === 'faulted' && spawned(world).length === 0, `${what}, and it is ${child.state}`)
    await other.mustAnswer({ host: host === '::1' ? host : '127.0.0.1', port: other.port })
  } finally {
    await other.close()
  }
}

const often = { times: 200, short: 4, atOnce: 2 } as const

/** Ports that somebody else listens on. */
export const portFaults: readonly Fault[] = [
  {
    ...often,
    name: 'somebody listens on the port that a child is given',
    inject: (luck) =>
      inWorld((world) => (luck.random() < 0.5 ? givenTaken(luck, world) : takenMeanwhile(luck, world))),
  },
  {
    ...often,
    name: 'somebody takes the port of a child before it binds',
    inject: (luck) => inWorld((world) => robbed(luck, world)),
  },
  {
    ...often,
    name: 'somebody listens on the fixed port of a child',
    inject: (luck) => inWorld((world) => fixedPort(luck, world)),
  },
]
