import { existsSync } from 'node:fs'
import type { StartOptions } from '../../src/types/options.ts'
import type { Fault, Luck } from './fault.ts'
import { type Host, MARK, removePlace, thePlace, untilNothingLives, untilTidy, withHost } from './hosts.ts'
import { childrenOf, someCount } from './kinds.ts'
import { someMoment } from './moments.ts'
import type { Noted } from './noted.ts'
import { bearing, kill, living, pause, watchdogsOf } from './processes.ts'
import { quantile } from './table.ts'
import { watchdogFaults } from './watchdog-death.ts'

/** What the watchdog gives to those that can end by themselves, and what all the rest may take. */
const PROMISED_MS = 200 + 150
/** Fewer say nothing of one in a hundred. */
const ENOUGH = 100

/** One way for a host to end. Resolves with the moment from which on its processes have nobody. */
type Ending = (host: Host) => Promise<number>

interface Scene {
  readonly most?: number
  readonly flags?: readonly string[]
  readonly under?: (command: readonly string[]) => readonly string[]
}

interface Tally {
  lived: number
  readonly times: number[]
}

/** Starts a host with children of all kinds, ends it at some moment, and sees to it that everything ends. */
async function endHost(luck: Luck, end: Ending, { most, ...how }: Scene, tally: Tally): Promise<number> {
  const children = childrenOf(luck, someCount(luck, most), thePlace())
  return withHost({ children, options: { stopTimeout: 0.3 }, ...how }, async (host) => {
    await someMoment(host, luck, children)
    const seen = living()
    const watchdogs = watchdogsOf(host.pid, seen)
    tally.lived += seen.filter(({ environment }) => environment.includes(host.mark)).length
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
): Noted {
  const tally: Tally = { lived: 0, times: [] }
  return {
    name,
    times,
    short,
    inject: (luck) => endHost(luck, end, scene, tally),
    note: () => `${tally.lived} processes lived when their hosts ended.`,
    close: async () => {
      await removePlace()
      const p99 = tally.times.length < ENOUGH ? 0 : (quantile(tally.times, 0.99) ?? 0)
      if (p99 > PROMISED_MS) throw new Error(`p99 is ${Math.round(p99)} ms; ${PROMISED_MS} ms are promised`)
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

/** It ends when it comes to it, and its processes have it until then. */
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
  reject: 'a rejection that nobody handles',
  throw: 'an error that nobody catches',
}

const FEW: Scene = { most: 20 }
const OFTEN = [50, 1] as const
/** Each of these ends a host of `test/orphans/orphans.test.ts` too. */
const LONG_RUN_ONLY = [50, 0] as const

const memory: Noted = ending('the host ends by a lack of memory at any moment', OFTEN, ordered('exhaust'), {
  ...FEW,
  flags: ['--max-old-space-size=48'],
})

const group: Noted = ending(
  'the whole process group of the host is killed by SIGKILL at any moment',
  OFTEN,
  signalled('SIGKILL', ({ pid }) => -pid),
  FEW,
)

const quoted = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`

const terminal: Fault = {
  ...ending(
    'the terminal of the host is gone at any moment',
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

/** Nothing but their group tells whose they are, from their first moment on. */
function bare(): Noted {
  let lived = 0
  const inject = (luck: Luck): Promise<number> =>
    withHost({ children: BARE }, async (host) => {
      await host.begun
      await pause(luck.random() * 120)
      const watchdogs = watchdogsOf(host.pid)
      lived += bearing(host.mark).length - 1
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
    note: () => `${lived} processes lived when their hosts were killed.`,
    close: removePlace,
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
