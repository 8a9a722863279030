import { writeFileSync } from 'node:fs'
import path from 'node:path'
import type { StartOptions } from '../../src/index.ts'
import { Calls } from './calls.ts'
import type { Fault, Luck } from './fault.ts'
import { listener } from './listener.ts'
import { pause } from './processes.ts'
import { inTime, inWorld, MARK, mustBeGone, mustHold, type World } from './world.ts'

const SLEEPER = { command: 'sleep', args: ['600'], listen: null }

/** Quick and slow to come, quick and slow to go, alone and with a child of its own. */
const anyChild = (luck: Luck): StartOptions => ({
  name: 'wanted',
  stopTimeout: 0.03,
  ...luck.pick<Partial<StartOptions>>([
    SLEEPER,
    listener({ BEFORE_MS: luck.int(0, 5) }),
    listener({ IGNORES_TERM: 'yes' }),
    { ...listener(), listen: 'port' },
    { ...SLEEPER, command: 'sh', args: ['-c', 'sleep 600; :'] },
    { ...SLEEPER, command: 'sh', args: ['-c', "trap '' TERM; sleep 600; :"] },
  ]),
})

/** At once, in another turn, or some milliseconds later. */
async function aMoment(luck: Luck): Promise<void> {
  const ms = luck.int(-2, 8)
  if (ms === -1) await new Promise((resolve) => setImmediate(resolve))
  else if (ms >= 0) await pause(ms)
}

type Act = (calls: Calls, luck: Luck) => Promise<void>

const stopDuringStart: Act = async (calls, luck) => {
  await aMoment(luck)
  calls.stop()
}

const startDuringStop: Act = async (calls, luck) => {
  await inTime(calls.child, 'the start')
  const { pid } = calls.child
  calls.stop()
  await aMoment(luck)
  calls.start()
  await inTime(calls.child, 'the second start')
  mustHold(calls.child.pid !== pid, 'the process that was stopped is still there')
}

const restartDuringBoth: Act = async (calls, luck) => {
  if (luck.random() < 0.5) {
    await inTime(calls.child, 'the start')
    calls.stop()
  }
  await aMoment(luck)
  calls.restart()
  if (luck.random() < 0.5) return
  await aMoment(luck)
  if (luck.random() < 0.5) calls.stop()
  else calls.start()
}

const fiftyCallers: Act = async (calls, luck) => {
  for (let caller = 0; caller < 50; caller++) {
    calls[luck.pick(['start', 'stop', 'restart', 'acquire'] as const)]()
    if (luck.random() < 0.1) await aMoment(luck)
  }
}

/** Another child that is restarted by the same change tells when it has been noticed. */
async function changeDuringStop(luck: Luck, world: World): Promise<void> {
  const file = path.join(world.folder, 'watched.txt')
  writeFileSync(file, 'as it was')
  const monitor = { paths: file, debounce: 0.01 }
  const mark = `${world.mark}-witness`
  const env = { [MARK]: mark }
  const witness = world.spinner.start({ ...SLEEPER, name: 'witness', env, monitor })
  await inTime(witness, 'the start of the witness')
  const noticed = new Promise<void>((resolve) => witness.once('restarted', () => resolve()))
  const calls = new Calls(world, { ...anyChild(luck), monitor })
  await inTime(calls.child, 'the start')
  const steps = [() => calls.stop(), () => writeFileSync(file, 'changed')]
  for (const step of luck.random() < 0.3 ? steps.reverse() : steps) {
    step()
    await aMoment(luck)
  }
  await inTime(noticed, 'the change of the file')
  await inTime(witness.stop(), 'the stop of the witness')
  mustBeGone({ mark }, 'after the stop of the witness')
  await calls.end()
}

const racing = (act: Act): Fault['inject'] => {
  const inject = async (world: World, luck: Luck): Promise<void> => {
    const calls = new Calls(world, anyChild(luck))
    await act(calls, luck)
    await calls.end()
  }
  return (luck) => inWorld((world) => inject(world, luck))
}

const often = { times: 1_000, short: 4, atOnce: 2 } as const

/** What is asked of a child while something else is under way. */
export const callFaults: readonly Fault[] = [
  { ...often, name: 'a child is stopped while it starts', inject: racing(stopDuringStart) },
  { ...often, name: 'a child is started while it stops', inject: racing(startDuringStop) },
  { ...often, name: 'a child is restarted while it starts or stops', inject: racing(restartDuringBoth) },
  {
    ...often,
    name: 'a file of a child changes while it stops',
    inject: (luck) => inWorld((world) => changeDuringStop(luck, world)),
  },
  { ...often, name: 'fifty callers ask for different things at once', inject: racing(fiftyCallers) },
]
