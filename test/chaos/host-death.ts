import { existsSync } from 'node:fs'
import type { StartOptions } from '../../src/types/options.ts'
import type { Fault, Rng } from './fault.ts'
import {
  type Host,
  installation,
  MARK,
  removeInstallation,
  untilNothingLives,
  untilTidy,
  withHost,
} from './hosts.ts'
import { childrenOf, someCount } from './kinds.ts'
import { someMoment } from './moments.ts'
import type { FaultWithNote } from './note.ts'
import { kill, living, pause, processesWith, watchdogsOf } from './processes.ts'
import { quantile } from './table.ts'
import { watchdogFaults } from './watchdog-death.ts'

/** The grace period of the watchdog between SIGTERM and SIGKILL, and the limit for everything else. */
const ALLOWED_MS = 200 + 150
/** Fewer samples have no meaningful 99th percentile. */
const ENOUGH = 100

/** Ends a host. Resolves with the time of `performance.now()` from which its processes have no host. */
type Ending = (host: Host) => Promise<number>

interface Scene {
  readonly most?: number
  readonly flags?: readonly string[]
  readonly under?: (command: readonly string[]) => readonly string[]
}

interface Tally {
  alive: number
  readonly times: number[]
}

/** Starts a host with children of all kinds, ends the host at some moment, and waits until every process is gone. */
async function endHost(rng: Rng, end: Ending, { most, ...how }: Scene, tally: Tally): Promise<number> {
  const children = childrenOf(rng, someCount(rng, most), installation())
  return withHost({ children, options: { stopTimeout: 0.3 }, ...how }, async (host) => {
    await someMoment(host, rng, children)
    const seen = living()
    const watchdogs = watchdogsOf(host.pid, seen)
    tally.alive += seen.filter(({ environment }) => environment.includes(host.mark)).length
    const ms = await untilNothingLives(host, await end(host))
    tally.times.push(ms)
    await untilTidy(host, watchdogs)
    return ms
  })
}

function ending(
  name: string,
  [times, short]: readonly [number, number],
  end: Ending,
  scene: Scene = {},
): FaultWithNote {
  const tally: Tally = { alive: 0, times: [] }
  return {
    name,
    times,
    short,
    inject: (rng) => endHost(rng, end, scene, tally),
    note: () => `${tally.alive} processes were alive when their hosts ended.`,
    close: async () => {
      await removeInstallation()
      const p99 = tally.times.length < ENOUGH ? 0 : (quantile(tally.times, 0.99) ?? 0)
      if (p99 > ALLOWED_MS)
        throw new Error(`p99 is ${Math.round(p99)} ms, but at most ${ALLOWED_MS} ms are allowed`)
    },
  }
}

const signalled =
  (signal: NodeJS.Signals, target = (host: Host): number => host.pid): Ending =>
  async (host) => {
    const since = performance.now()
    kill(target(host), signal)
    return since
  }

/** Orders the host to end itself. The time counts from its exit. */
const ordered =
  (order: string): Ending =>
  async (host) => {
    host.order(order)
    await host.ended
    return performance.now()
  }

const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGABRT', 'SIGSEGV'] as const

const ORDERS: Readonly<Record<string, string>> = {
  abort: 'an abort',
  exit: 'process.exit()',
  reject: 'an unhandled rejection',
  throw: 'an uncaught exception',
}

const FEW: Scene = { most: 20 }
const OFTEN = [50, 1] as const
/** Only in the full run, because `test/orphans/orphans.test.ts` ends hosts in the same ways. */
const LONG_RUN_ONLY = [50, 0] as const

const memory: FaultWithNote = ending(
  'the host ends by running out of memory at any moment',
  OFTEN,
  ordered('exhaust'),
  {
    ...FEW,
    flags: ['--max-old-space-size=48'],
  },
)

const group: FaultWithNote = ending(
  'the whole process group of the host is killed by SIGKILL at any moment',
  OFTEN,
  signalled('SIGKILL', ({ pid }) => -pid),
  FEW,
)

const quoted = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`

const terminal: Fault = {
  ...ending(
    'the terminal of the host is closed at any moment',
    OFTEN,
    signalled('SIGKILL', ({ process }) => process.pid as number),
    { ...FEW, under: (command) => ['script', '-qec', `exec ${command.map(quoted).join(' ')}`, '/dev/null'] },
  ),
  missing: () =>
    ['/usr/bin/script', '/bin/script'].some((file) => existsSync(file)) ? null : 'there is no script(1)',
}

const BARE: readonly StartOptions[] = Array.from({ length: 20 }, (_, number) => ({
  name: `bare ${number}`,
  command: 'env',
  args: ['-i', 'sleep', MARK],
  listen: null,
}))

/** Kills a host while it spawns commands without an environment. Only their process group shows whose they are. */
function bare(): FaultWithNote {
  let alive = 0
  const inject = (rng: Rng): Promise<number> =>
    withHost({ children: BARE }, async (host) => {
      await host.begun
      await pause(rng.random() * 120)
      const watchdogs = watchdogsOf(host.pid)
      alive += processesWith(host.mark).length - 1
      const since = performance.now()
      kill(host.pid)
      const took = await untilNothingLives(host, since)
      await untilTidy(host, watchdogs)
      return took
    })
  return {
    name: 'the host is killed by SIGKILL while it spawns commands that clear their environment',
    times: 200,
    short: 2,
    inject,
    note: () => `${alive} processes were alive when their hosts were killed.`,
    close: removeInstallation,
  }
}

export const hostFaults: readonly Fault[] = [
  ending('the host is killed by SIGKILL at any moment', [1_000, 3], signalled('SIGKILL')),
  bare(),
  ...SIGNALS.map((signal) =>
    ending(`the host ends by ${signal} at any moment`, LONG_RUN_ONLY, signalled(signal), FEW),
  ),
  ...Object.entries(ORDERS).map(([order, name]) =>
    ending(`the host ends by ${name} at any moment`, LONG_RUN_ONLY, ordered(order), FEW),
  ),
  memory,
  group,
  terminal,
  ...watchdogFaults,
]
