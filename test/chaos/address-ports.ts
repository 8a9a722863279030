import type { Child, StartOptions } from '../../src/index.ts'
import type { Fault, Rng } from './fault.ts'
import { type ListenerEnv, listener } from './listener.ts'
import { type ForeignListener, listenHere, mustAnswer, tryToListen, verifyReadyEvents } from './listening.ts'
import { pause } from './processes.ts'
import { codeOf, inTime, inWorld, mustHold, spawned, type World } from './world.ts'

const HOSTS = ['127.0.0.1', '::1', '0.0.0.0'] as const
/** For each host of a foreign listener: where a child can bind and either collides with it or is checked after it. */
const MEETS: Readonly<Record<string, readonly string[]>> = {
  '127.0.0.1': ['127.0.0.1', '0.0.0.0', '::', '::1'],
  '::1': ['::1', '::'],
  '0.0.0.0': ['127.0.0.1', '0.0.0.0', '::', '::1'],
}

/** Makes the child exit if its port is taken, or run on as if nothing had happened. */
const stays = (rng: Rng): ListenerEnv => (rng.random() < 0.5 ? { STAYS: 'yes' } : {})

async function mustBecomeReady(child: Child, times: () => number): Promise<void> {
  const code = await codeOf(inTime(child, 'the start'))
  mustHold(code === null, `the start ended with ${code}: ${child.info().lastError?.message}`)
  mustHold(times() > 0, 'the child is started, but emitted no event')
  await mustAnswer(child)
}

/** Gives the child an allocator that first returns ports on which another process listens. */
async function givenTaken(rng: Rng, world: World): Promise<void> {
  const hosts = [rng.pick(HOSTS), rng.pick(HOSTS)].slice(0, rng.int(1, 2))
  const listeners = await Promise.all(hosts.map((host) => listenHere({ host, port: 0 })))
  const ports = listeners.map(({ port }) => port)
  const allocate = async (): Promise<number> => {
    const taken = ports.shift()
    if (taken !== undefined) return taken
    const free = await listenHere({ host: '::', port: 0 })
    await free.close()
    return free.port
  }
  const env = { BIND: rng.pick(['127.0.0.1', '::1', '0.0.0.0', '::']), ...stays(rng) }
  const listen = { allocate, release: () => {} }
  try {
    const child = world.spinner.start({ name: 'given', ...listener(env), listen })
    await mustBecomeReady(child, verifyReadyEvents(child))
  } finally {
    for (const each of listeners) await each.close()
  }
}

/** Takes the previous port of the child while the child is stopped. */
async function takenMeanwhile(rng: Rng, world: World): Promise<void> {
  const host = rng.pick(HOSTS)
  const options: StartOptions = { name: 'again', ...listener({ BIND: '::', ...stays(rng) }), listen: 'port' }
  const child = world.spinner.start(options)
  const times = verifyReadyEvents(child)
  await inTime(child, 'the first start')
  const port = Number(child.address)
  await child.stop()
  const other = await listenHere({ host, port })
  try {
    await mustBecomeReady(world.spinner.start(options), times)
    mustHold(child.address !== port, `the child is ready on ${port}, which is taken`)
    await other.mustAnswer({ host: host === '::1' ? host : '127.0.0.1', port })
  } finally {
    await other.close()
  }
}

/** Takes each of the first ports of the child as soon as the port is known. */
async function takePorts(rng: Rng, child: Child, taken: ForeignListener[]): Promise<void> {
  const seen = new Set<unknown>([null])
  const most = rng.int(1, 3)
  while (child.state === 'starting' && seen.size <= most) {
    const { address } = child
    if (!seen.has(address)) {
      seen.add(address)
      const other = await tryToListen({ host: rng.pick(HOSTS), port: Number(address) })
      if (other) taken.push(other)
    }
    await new Promise((resolve) => setImmediate(resolve))
  }
}

async function portTaken(rng: Rng, world: World): Promise<void> {
  const env = { BEFORE_MS: rng.int(0, 10), BIND: rng.pick(['127.0.0.1', '::1', '::']), ...stays(rng) }
  const taken: ForeignListener[] = []
  try {
    const child = world.spinner.start({ name: 'robbed', ...listener(env), listen: 'port' })
    const times = verifyReadyEvents(child)
    await Promise.all([takePorts(rng, child, taken), mustBecomeReady(child, times)])
  } finally {
    for (const other of taken) await other.close()
  }
}

async function fixedPort(rng: Rng, world: World): Promise<void> {
  const host = rng.pick(HOSTS)
  const BIND = rng.pick(MEETS[host] as readonly string[])
  const other = await listenHere({ host, port: 0 })
  try {
    const env = { BIND, BEFORE_MS: rng.int(0, 10), ...stays(rng) }
    const options = { name: 'fixed', ...listener(env), listen: other.port, attempts: rng.int(1, 2) }
    const child = world.spinner.start(options)
    const times = verifyReadyEvents(child)
    const code = await codeOf(inTime(child, 'the start'))
    const what = `with another process on ${host} and the child on ${BIND}, the start ended with ${code}`
    mustHold(code === 'ERR_SPINNER_FOREIGN_LISTENER' || code === 'ERR_SPINNER_EXITED', what)
    await pause(rng.int(0, 10))
    mustHold(times() === 0, `${what}, and an event reported the child as ready`)
    mustHold(
      child.state === 'faulted' && spawned(world).length === 0,
      `${what}, and the child is ${child.state}`,
    )
    await other.mustAnswer({ host: host === '::1' ? host : '127.0.0.1', port: other.port })
  } finally {
    await other.close()
  }
}

const often = { times: 200, short: 4, atOnce: 2 } as const

/** Faults of ports on which another process listens. */
export const portFaults: readonly Fault[] = [
  {
    ...often,
    name: 'another process listens on the port that a child is given',
    inject: (rng) =>
      inWorld((world) => (rng.random() < 0.5 ? givenTaken(rng, world) : takenMeanwhile(rng, world))),
  },
  {
    ...often,
    name: 'another process takes the port of a child before the child binds',
    inject: (rng) => inWorld((world) => portTaken(rng, world)),
  },
  {
    ...often,
    name: 'another process listens on the fixed port of a child',
    inject: (rng) => inWorld((world) => fixedPort(rng, world)),
  },
]
