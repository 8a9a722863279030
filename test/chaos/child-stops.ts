import type { Child, StartOptions } from '../../src/index.ts'
import type { Fault, Rng } from './fault.ts'
import { pause } from './processes.ts'
import { inTime, inWorld, living, mustBeGone, mustHold, until, type World } from './world.ts'

const STOP_TIMEOUT_MS = 300
/** spinner waits this long after SIGKILL for the process group to be gone. */
const KILL_TIMEOUT_MS = 5_000
const SLACK_MS = 500
const BEAT_MS = 10

/** A child that is hard to stop. */
interface HardToStop {
  readonly name: string
  readonly options: (rng: Rng) => Partial<StartOptions>
  /** Number of its processes when all have started; the minimum if the number changes. */
  readonly processes: number
  /** Runs before the stop. */
  readonly prepare?: (child: Child) => void
}

const sh = (script: string): Partial<StartOptions> => ({ command: 'sh', args: ['-c', script] })
/** Starts the shell through `env`, so that spinner does not know it as a shell and signals only the leader. */
const asProgram = (script: string): Partial<StartOptions> => ({ command: 'env', args: ['sh', '-c', script] })
const shOrProgram = (rng: Rng, script: string): Partial<StartOptions> => rng.pick([sh, asProgram])(script)

const IGNORE_TERM = "trap '' TERM; "
/** Forks fifteen short-lived processes at a time, without end. */
const FORK_STORM =
  'while :; do for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do sleep 0.05 & done; wait; done'
const FORWARD_TERM = 'sleep 600 & inner=$!; trap "kill $inner; wait $inner; exit 0" TERM; wait $inner'

const freeze = ({ pid }: Child): void => void process.kill(-(pid as number), 'SIGSTOP')

const HARD_TO_STOP: readonly HardToStop[] = [
  { name: 'ignores SIGTERM', options: (rng) => shOrProgram(rng, `${IGNORE_TERM}sleep 600; :`), processes: 2 },
  {
    name: 'is frozen by SIGSTOP',
    options: (rng) => shOrProgram(rng, `${rng.pick(['', IGNORE_TERM])}sleep 600; :`),
    processes: 2,
    prepare: freeze,
  },
  {
    name: 'is in a busy loop',
    options: (rng) => shOrProgram(rng, `${rng.pick(['', IGNORE_TERM])}while :; do :; done`),
    processes: 1,
  },
  {
    name: 'forks without end',
    options: (rng) => shOrProgram(rng, rng.pick(['', IGNORE_TERM]) + FORK_STORM),
    processes: 10,
  },
  {
    name: 'forks twice',
    options: (rng) =>
      shOrProgram(rng, `${rng.pick(['', IGNORE_TERM])}(sleep 600 & (sleep 600 &)); exec sleep 600`),
    processes: 3,
  },
  {
    name: 'leaves its session',
    options: (rng) => shOrProgram(rng, 'setsid sleep 600 & (setsid sleep 600 &); exec sleep 600'),
    processes: 3,
  },
  {
    name: 'leaves its session and ignores SIGTERM',
    options: (rng) =>
      shOrProgram(rng, `${IGNORE_TERM}setsid sleep 600 & (setsid sleep 600 &); exec sleep 600`),
    processes: 3,
  },
  {
    name: 'holds its stdout open in a grandchild',
    options: (rng) =>
      shOrProgram(rng, `${rng.pick(['', IGNORE_TERM])}sleep 600 & trap - TERM; exec sleep 600`),
    processes: 2,
  },
  { name: 'is a wrapper that forwards SIGTERM', options: () => asProgram(FORWARD_TERM), processes: 2 },
  { name: 'is wrapped by sh -c', options: () => sh('sleep 600; true'), processes: 2 },
  {
    name: 'is wrapped as npm start wraps it',
    options: (rng) => shOrProgram(rng, "sh -c 'sleep 600; true'; true"),
    processes: 3,
  },
]

/** Waits for all processes in half of the cases. In the other half the stop may come in the middle of a fork. */
async function waitForStart(rng: Rng, world: World, { processes }: HardToStop): Promise<void> {
  if (rng.random() < 0.5) await pause(rng.int(0, 10))
  else await until(() => living(world).length >= processes, `the ${processes} processes`)
}

/** Measures the milliseconds in which this program itself was delayed, because spinner is not to blame for them. */
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

/** Stops the child and returns the milliseconds that the stop took. */
async function stop(world: World, kind: HardToStop, rng: Rng): Promise<number> {
  const child = world.spinner.start({
    name: 'stubborn',
    listen: null,
    restart: 'never',
    stopTimeout: STOP_TIMEOUT_MS / 1_000,
    ...kind.options(rng),
  })
  await inTime(child, 'the start')
  await waitForStart(rng, world, kind)
  if (child.pid !== null) kind.prepare?.(child)
  const delays = countDelays()
  const since = performance.now()
  await inTime(child.stop(), 'stop()')
  const took = performance.now() - since
  const delayed = delays()
  mustBeGone(world, 'in the same turn in which stop() resolved')
  mustHold(child.state === 'stopped', `after stop() the child is ${child.state}`)
  const longest = STOP_TIMEOUT_MS + KILL_TIMEOUT_MS + SLACK_MS
  const message = `stop() took ${Math.round(took)} ms, of which this program was delayed for ${Math.round(delayed)}`
  mustHold(took - delayed <= longest, message)
  return took
}

/** Faults of children that do not exit at SIGTERM or that leave processes behind. */
export const stopFaults: readonly Fault[] = HARD_TO_STOP.map((kind) => ({
  name: `a child ${kind.name}`,
  times: 100,
  short: 2,
  atOnce: 2,
  inject: (rng) => inWorld((world) => stop(world, kind, rng)),
}))
