import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { type Child, SpinnerError, type StartOptions } from '../../src/index.ts'
import type { Spinner } from '../../src/types/spinner.ts'
import { listener } from '../chaos/listener.ts'

/** Where cycles run. */
export interface Place {
  readonly spinner: Spinner
  /** Holds one file for each monitored name. */
  readonly folder: string
}

/** From nothing to ready and back, in one way of several. */
type Cycle = (place: Place, name: string) => Promise<void>

const next = (child: Child, event: 'restarted' | 'exit'): Promise<void> =>
  new Promise((resolve) => child.once(event, () => resolve()))

const plain = (options: Partial<StartOptions> = {}): Cycle => {
  return async ({ spinner }, name) => {
    // What an earlier cycle of the name has asked for must not stay in force.
    await spinner.start({ name, listen: 'socket', monitor: null, ...listener(), ...options })
    await spinner.stop(name)
  }
}

const monitored: Cycle = async ({ spinner, folder }, name) => {
  const monitor = path.join(folder, name)
  writeFileSync(monitor, 'as it is')
  await spinner.start({ name, monitor, ...listener() })
  await spinner.stop(name)
}

const crashing: Cycle = async ({ spinner }, name) => {
  const child = spinner.start({ name, ...listener() })
  await child
  const restarted = next(child, 'restarted')
  process.kill(child.pid as number, 'SIGKILL')
  await restarted
  await spinner.stop(name)
}

const leased: Cycle = async ({ spinner }, name) => {
  const lease = await spinner.acquire({ name, ...listener() })
  const another = await spinner.acquire(name)
  lease.release()
  another.release()
  await spinner.stop(name)
}

/** Ten want it, and one of them gives up at once. */
const wanted: Cycle = async ({ spinner }, name) => {
  const options = { name, ...listener() }
  const giveUp = new AbortController()
  const impatient = spinner.start({ ...options, signal: giveUp.signal }).then(null, () => null)
  const callers = Array.from({ length: 9 }, () => spinner.start(options).then(null))
  giveUp.abort()
  await Promise.all([...callers, impatient])
  await Promise.all([spinner.stop(name), spinner.stop(name)])
}

const unwanted: Cycle = async ({ spinner }, name) => {
  const wait = spinner.start({ name, ...listener() }).then(null, (error: Error) => error)
  await spinner.stop(name)
  const error = await wait
  if (!(error instanceof SpinnerError)) throw new Error('a start that was stopped ended well')
}

const replaced: Cycle = async ({ spinner }, name) => {
  await spinner.start({ name, ...listener() })
  await spinner.restart(name)
  await spinner.stop(name)
}

/** Every tenth cycle is one of these. */
const CYCLES: readonly Cycle[] = [
  plain({ listen: 'port' }),
  plain(),
  monitored,
  crashing,
  leased,
  wanted,
  plain({ ipc: true, stdin: 'pipe' }),
  unwanted,
  replaced,
  plain(),
]

/** Runs a cycle; the same name goes through all ways in turn. */
export async function cycle(place: Place, number: number, names: number): Promise<void> {
  const way = (number + Math.floor(number / names)) % CYCLES.length
  await (CYCLES[way] as Cycle)(place, `soak-${number % names}`)
}
