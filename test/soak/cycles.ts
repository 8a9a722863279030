import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { type Child, SpinnerError, type StartOptions } from '../../src/index.ts'
import type { Spinner } from '../../src/types/spinner.ts'
import { listener } from '../chaos/listener.ts'

/** The spinner and the folder of all cycles. */
export interface CycleContext {
  readonly spinner: Spinner
  /** Folder with one file for each monitored name. */
  readonly folder: string
}

/** Starts a child until it is ready and stops it. */
type Cycle = (context: CycleContext, name: string) => Promise<void>

const next = (child: Child, event: 'restarted' | 'exit'): Promise<void> =>
  new Promise((resolve) => child.once(event, () => resolve()))

const plain = (options: Partial<StartOptions> = {}): Cycle => {
  return async ({ spinner }, name) => {
    // Reset the options that an earlier cycle with this name may have set.
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

/** Ten callers start the child, and one of them aborts at once. */
const aborted: Cycle = async ({ spinner }, name) => {
  const options = { name, ...listener() }
  const giveUp = new AbortController()
  const impatient = spinner.start({ ...options, signal: giveUp.signal }).then(null, () => null)
  const callers = Array.from({ length: 9 }, () => spinner.start(options).then(null))
  giveUp.abort()
  await Promise.all([...callers, impatient])
  await Promise.all([spinner.stop(name), spinner.stop(name)])
}

const stoppedDuringStart: Cycle = async ({ spinner }, name) => {
  const wait = spinner.start({ name, ...listener() }).then(null, (error: Error) => error)
  await spinner.stop(name)
  const error = await wait
  if (!(error instanceof SpinnerError)) throw new Error('a start that was stopped resolved')
}

const replaced: Cycle = async ({ spinner }, name) => {
  await spinner.start({ name, ...listener() })
  await spinner.restart(name)
  await spinner.stop(name)
}

/** The kinds of cycles. Each is every tenth cycle. */
const CYCLES: readonly Cycle[] = [
  plain({ listen: 'port' }),
  plain(),
  monitored,
  crashing,
  leased,
  aborted,
  plain({ ipc: true, stdin: 'pipe' }),
  stoppedDuringStart,
  replaced,
  plain(),
]

/** Runs a cycle. Each name goes through all kinds in turn. */
export async function cycle(context: CycleContext, number: number, names: number): Promise<void> {
  const way = (number + Math.floor(number / names)) % CYCLES.length
  await (CYCLES[way] as Cycle)(context, `soak-${number % names}`)
}
