import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { copyFileSync } from 'node:fs'
import path from 'node:path'
import type { StartOptions, Target } from '../../src/index.ts'
import type { Fault } from './fault.ts'
import { installation, removeInstallation } from './hosts.ts'
import { listener } from './listener.ts'
import { greetingAt } from './listening.ts'
import { inTime, living, MARK, mustBeGone, mustHold } from './world.ts'

/** A child as the host reports it after the start. */
interface Ready {
  readonly pid: number
  readonly target: Target & { readonly port: number }
  readonly error?: string
}

const message = (host: ChildProcess): Promise<unknown> =>
  inTime(new Promise((resolve) => host.once('message', resolve)), 'an answer of a host')

async function newHost(mark: string): Promise<ChildProcess> {
  const program = path.join(path.dirname(installation().program), 'starts-on-ports.mjs')
  copyFileSync(path.join(process.cwd(), 'test/fixtures/starts-on-ports.mjs'), program)
  const host = spawn(process.execPath, [program], {
    env: { ...process.env, [MARK]: mark },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  await message(host)
  return host
}

const named = (_: unknown, index: number): StartOptions => ({ name: `child-${index}`, ...listener() })

async function end(host: ChildProcess): Promise<void> {
  const ended = new Promise((resolve) => host.once('exit', resolve))
  host.send({ order: 'close' })
  await inTime(ended, 'the end of a host')
}

async function startAll(hosts: readonly ChildProcess[], count: number): Promise<number> {
  const children = Array.from({ length: count }, named)
  const since = performance.now()
  const answers = hosts.map((host) => message(host) as Promise<Ready[]>)
  for (const host of hosts) host.send({ order: 'start', children })
  const all = (await Promise.all(answers)).flat()
  const took = performance.now() - since
  const failed = all.filter(({ error }) => error !== undefined)
  mustHold(failed.length === 0, `${failed.length} of ${all.length} are not ready: ${failed[0]?.error}`)
  const ports = new Set(all.map(({ target }) => target.port))
  mustHold(ports.size === all.length, `${all.length} children have ${ports.size} ports`)
  for (const { pid, target } of all) {
    const greeting = await greetingAt(target)
    mustHold(greeting === `child ${pid}`, `on port ${target.port} of ${pid}, '${greeting}' is answered`)
  }
  return took
}

/** Starts children in two hosts at once, which do not know each other's ports. */
async function twoHosts(count: number): Promise<number> {
  const mark = randomUUID()
  const hosts = await Promise.all([newHost(mark), newHost(mark)])
  try {
    const took = await startAll(hosts, count)
    await Promise.all(hosts.map(end))
    mustBeGone({ mark }, 'after close() in both hosts')
    return took
  } finally {
    for (const host of hosts) host.kill('SIGKILL')
    for (const pid of living({ mark })) process.kill(pid, 'SIGKILL')
  }
}

/** Faults of two spinners on one machine. The short run starts fewer children. */
export const twoHostFaults: readonly Fault[] = (
  [
    [20, 1],
    [100, 0],
  ] as const
).map(([count, short]) => ({
  name: `two hosts start ${count} children each on ports at once`,
  times: 3,
  short,
  inject: () => twoHosts(count),
  close: removeInstallation,
}))
