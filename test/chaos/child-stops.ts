import type { Child, StartOptions } from '../../src/index.ts'
import type { Fault, Luck } from './fault.ts'
import { pause } from './processes.ts'
import { inTime, inWorld, living, mustBeGone, mustHold, until, type World } from './world.ts'

const STOP_TIMEOUT_MS = 300
/** After the kill spinner gives a group this long to vanish. */
const KILL_TIMEOUT_MS = 5_000
const SLACK_MS = 500
const BEAT_MS = 10

/** A child that makes itself hard to end. */
interface Stubborn {
  readonly name: string
  readonly options: (luck: Luck) => Partial<StartOptions>
  /** How many processes it is when all of them are there; at least so many where the number changes. */
  readonly processes: number
  /** Done to it before it is stopped. */
  readonly prepare?: (child: Child) => void
}

const sh = (script: string): Partial<StartOptions> => ({ command: 'sh', args: ['-c', script] })
/** Not known to be a shell, so that the signal goes to the leader alone. */
const asProgram = (script: string): Partial<StartOptions> => ({ command: 'env', args: ['sh', '-c', script] })
const eitherWay = (luck: Luck, script: string): Partial<StartOptions> => luck.pick([sh, asProgram])(script)

const DEAF = "trap '' TERM; "
/** Fifteen at a time, each of which lives for a moment. */
const STORM = 'while :; do for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do sleep 0.05 & done; wait; done'
const FORWARDS = 'sleep 600 & inner=$!; trap "kill $inner; wait $inner; exit 0" TERM; wait $inner'

const freeze = ({ pid }: Child): void => void process.kill(-(pid as number), 'SIGSTOP')

const STUBBORN: readonly Stubborn[] = [
  { name: 'ignores SIGTERM', options: (luck) => eitherWay(luck, `${DEAF}sleep 600; :`), processes: 2 },
  {
    name: 'is frozen by SIGSTOP',
    options: (luck) => eitherWay(luck, `${luck.pick(['', DEAF])}sleep 600; :`),
    processes: 2,
    prepare: freeze,
  },
  {
    name: 'is in a busy loop',
    options: (luck) => eitherWay(luck, `${luck.pick(['', DEAF])}while :; do :; done`),
    processes: 1,
  },
  {
    name: 'forks without end',
    options: (luck) => eitherWay(luck, luck.pick(['', DEAF]) + STORM),
    processes: 10,
  },
  {
    name: 'forks twice',
    options: (luck) => eitherWay(luck, `${luck.pick(['', DEAF])}(sleep 600 & (sleep 600 &)); exec sleep 600`),
    processes: 3,
  },
  {
    name: 'leaves its session',
    options: (luck) => eitherWay(luck, 'setsid sleep 600 & (setsid sleep 600 &); exec sleep 600'),
    processes: 3,
  },
  {
    name: 'leaves its session and ignores SIGTERM',
    options: (luck) => eitherWay(luck, `${DEAF}setsid sleep 600 & (setsid sleep 600 &); exec sleep 600`),
    processes: 3,
  },
  {
    name: 'holds its stdout open in a grandchild',
    options: (luck) => eitherWay(luck, `${luck.pick(['', DEAF])}sleep 600 & trap - TERM; exec sleep 600`),
    processes: 2,
  },
  { name: 'is a wrapper that forwards SIGTERM', options: () => asProgram(FORWARDS), processes: 2 },
  { name: 'is wrapped by sh -c', options: () => sh('sleep 600; true'), processes: 2 },
  {
    name: 'is wrapped as npm start wraps it',
    options: (luck) => eitherWay(luck, "sh -c 'sleep 600; true'; true"),
    processes: 3,
  },
]

/** Half of the children are stopped at any moment, which may be in the middle of a fork. */
async function letItBegin(luck: Luck, world: World, { processes }: Stubborn): Promise<void> {
  if (luck.random() < 0.5) await pause(luck.int(0, 10))
  else await until(() => living(world).length >= processes, `the ${processes} processes`)
}

/** Counts the milliseconds for which this program itself did not get to work, which are nobody's fault. */
function countDelays(): () => number {
  let [sum, last] = [0, performance.now()]
  const timer = setInterval(() => {
    const now = performance.now()
    sum += Math.max(0, now - last - 2 * BEAT_MS)
    last = now
  }, BEAT_MS)
  return () => {
    clearInterval(timer)
    return sum + Math.max(0, performance.now() - last - 2 * BEAT_MS)
  }
}

/** Stops the child and gives the milliseconds that it took. */
async function stop(world: World, stubborn: Stubborn, luck: Luck): Promise<number> {
  const child = world.spinner.start({
    name: 'stubborn',
    listen: null,
    restart: 'never',
    stopTimeout: STOP_TIMEOUT_MS / 1_000,
    ...stubborn.options(luck),
  })
  await inTime(child, 'the start')
  await letItBegin(luck, world, stubborn)
  if (child.pid !== null) stubborn.prepare?.(child)
  const delays = countDelays()
  const since = performance.now()
  await inTime(child.stop(), 'stop()')
  const took = performance.now() - since
  const delayed = delays()
  mustBeGone(world, 'in the turn in which stop() resolved')
  mustHold(child.state === 'stopped', `after stop() it is ${child.state}`)
  const longest = STOP_TIMEOUT_MS + KILL_TIMEOUT_MS + SLACK_MS
  const told = `stop() took ${Math.round(took)} ms, of which this program was held up for ${Math.round(delayed)}`
  mustHold(took - delayed <= longest, told)
  return took
}

/** Children that do not end when they are asked to, or that leave others behind. */
export const stopFaults: readonly Fault[] = STUBBORN.map((stubborn) => ({
  name: `a child ${stubborn.name}`,
  times: 100,
  short: 2,
  atOnce: 2,
  inject: (luck) => inWorld((world) => stop(world, stubborn, luck)),
}))
