import { writeFileSync } from 'node:fs'
import path from 'node:path'
import type { StartOptions } from '../../src/index.ts'
import { Calls } from './calls.ts'
import type { Fault, Rng } from './fault.ts'
import { listener } from './listener.ts'
import { pause } from './processes.ts'
import { inTime, inWorld, MARK, mustBeGone, mustHold, type World } from './world.ts'

const SLEEPER = { command: 'sleep', args: ['600'], listen: null }

/** Picks a child that starts and stops fast or slowly, alone or with a child process of its own. */
const anyChild = (rng: Rng): StartOptions => ({
  name: 'wanted',
  stopTimeout: 0.03,
  ...rng.pick<Partial<StartOptions>>([
    SLEEPER,
    listener({ BEFORE_MS: rng.int(0, 5) }),
    listener({ IGNORES_TERM: 'yes' }),
    { ...listener(), listen: 'port' },
    { ...SLEEPER, command: 'sh', args: ['-c', 'sleep 600; :'] },
    { ...SLEEPER, command: 'sh', args: ['-c', "trap '' TERM; sleep 600; :"] },
  ]),
})

/** Waits not at all, until the next turn of the event loop, or some milliseconds. */
async function aMoment(rng: Rng): Promise<void> {
  const ms = rng.int(-2, 8)
  if (ms === -1) await new Promise((resolve) => setImmediate(resolve))
  else if (ms >= 0) await pause(ms)
}

type Act = (calls: Calls, rng: Rng) => Promise<void>

const stopDuringStart: Act = async (calls, rng) => {
  await aMoment(rng)
  calls.stop()
}

const startDuringStop: Act = async (calls, rng) => {
  await inTime(calls.child, 'the start')
  const { pid } = calls.child
  calls.stop()
  await aMoment(rng)
  calls.start()
  await inTime(calls.child, 'the second start')
  mustHold(calls.child.pid !== pid, 'the stopped process is still the process of the child')
}

const restartDuringBoth: Act = async (calls, rng) => {
  if (rng.random() < 0.5) {
    await inTime(calls.child, 'the start')
    calls.stop()
  }
  await aMoment(rng)
  calls.restart()
  if (rng.random() < 0.5) return
  await aMoment(rng)
  if (rng.random() < 0.5) calls.stop()
  else calls.start()
}

const fiftyCallers: Act = async (calls, rng) => {
  for (let caller = 0; caller < 50; caller++) {
    calls[rng.pick(['start', 'stop', 'restart', 'acquire'] as const)]()
    if (rng.random() < 0.1) await aMoment(rng)
  }
}

/** Changes a file during a stop. A second child with the same monitor shows when the change was noticed. */
async function changeDuringStop(rng: Rng, world: World): Promise<void> {
  const file = path.join(world.folder, 'watched.txt')
  writeFileSync(file, 'as it was')
  const monitor = { paths: file, debounce: 0.01 }
  const mark = `${world.mark}-witness`
  const env = { [MARK]: mark }
  const witness = world.spinner.start({ ...SLEEPER, name: 'witness', env, monitor })
  await inTime(witness, 'the start of the witness')
  const noticed = new Promise<void>((resolve) => witness.once('restarted', () => resolve()))
  const calls = new Calls(world, { ...anyChild(rng), monitor })
  await inTime(calls.child, 'the start')
  const steps = [() => calls.stop(), () => writeFileSync(file, 'changed')]
  for (const step of rng.random() < 0.3 ? steps.reverse() : steps) {
    step()
    await aMoment(rng)
  }
  await inTime(noticed, 'the change of the file')
  await inTime(witness.stop(), 'the stop of the witness')
  mustBeGone({ mark }, 'after the stop of the witness')
  await calls.end()
}

const racing = (act: Act): Fault['inject'] => {
  const inject = async (world: World, rng: Rng): Promise<void> => {
    const calls = new Calls(world, anyChild(rng))
    await act(calls, rng)
    await calls.end()
  }
  return (rng) => inWorld((world) => inject(world, rng))
}

const often = { times: 1_000, short: 4, atOnce: 2 } as const

/** Faults of calls that arrive while another call is in progress. */
export const callFaults: readonly Fault[] = [
  { ...often, name: 'a child is stopped while it starts', inject: racing(stopDuringStart) },
  { ...often, name: 'a child is started while it stops', inject: racing(startDuringStop) },
  { ...often, name: 'a child is restarted while it starts or stops', inject: racing(restartDuringBoth) },
  {
    ...often,
    name: 'a file of a child changes while it stops',
    inject: (rng) => inWorld((world) => changeDuringStop(rng, world)),
  },
  { ...often, name: 'fifty callers make different calls at once', inject: racing(fiftyCallers) },
]
