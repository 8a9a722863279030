import fc from 'fast-check'
import type { ModelOptions } from './options.ts'

/**
 * The events before the next command. `quiet`: everything that can happen outside. `turn`: only what needs no event from
 * outside. `none`: nothing, so that the next command comes in the same turn of the event loop.
 */
export type Pace = 'quiet' | 'turn' | 'none'
export type Signal = 'none' | 'live' | 'aborted'

interface OfChild {
  readonly child: number
}

/** Everything that users and the outside world can do. `child` is an index into the names of the run. */
export type Command = { readonly pace: Pace } & (
  | ({ do: 'start'; options: Partial<ModelOptions> | null; callback: boolean; signal: Signal } & OfChild)
  | ({ do: 'stop' | 'restart'; by: 'name' | 'handle' | 'callback'; signal: Signal } & OfChild)
  | ({ do: 'acquire'; by: 'name' | 'handle'; signal: Signal } & OfChild)
  | ({ do: 'await' | 'touch' | 'change' | 'sicken' | 'refuseAddress' | 'takeSocket' } & OfChild)
  | ({ do: 'letGo'; oldest?: boolean } & OfChild)
  | ({ do: 'bind' | 'bindForeign'; oldest: boolean } & OfChild)
  | ({ do: 'crash'; end: number | NodeJS.Signals; leaves: boolean; oldest?: boolean } & OfChild)
  | ({ do: 'ignore'; what: 'SIGTERM' | 'SIGKILL'; oldest?: boolean } & OfChild)
  | ({ do: 'spawnFails'; errno: string; sync: boolean } & OfChild)
  | { do: 'release' | 'abort'; which: number }
  | { do: 'happen'; which: number }
  | { do: 'advance'; ms: number }
  | { do: 'listenersThrow'; how: 'no' | 'throw' | 'reject' }
  | { do: 'close' }
)

export interface Setting {
  readonly names: readonly string[]
  readonly concurrency: number
  /** The result of every random choice of the spinner. */
  readonly random: number
  readonly options: readonly Partial<ModelOptions>[]
}

const NAMES = ['a', '__proto__', 'constructor', '../b', 'ü 💥', 'hasOwnProperty', ' ']

const options: fc.Arbitrary<Partial<ModelOptions>> = fc.record(
  {
    attempts: fc.constantFrom(1, 3),
    timeout: fc.constantFrom(0.5, 7),
    stopTimeout: fc.constantFrom(0.3, 8),
    stopScope: fc.constant('group' as const),
    idleTimeSec: fc.constantFrom(2.4, 4),
    restart: fc.constantFrom('on-failure' as const, 'never' as const),
    restartTolerance: fc.constantFrom(0.7, 3, 40),
    maxRestarts: fc.constantFrom(0, 2, 3),
    faultTimeout: fc.constantFrom(0, 1.5),
    listens: fc.constant(false),
    startFirst: fc.constantFrom(true, true, false),
    monitored: fc.constantFrom(false, false, true),
    checked: fc.constant(true),
  },
  { requiredKeys: [] },
)

export const setting: fc.Arbitrary<Setting> = fc.record({
  names: fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom(...NAMES).map((name) => [name]) },
    { weight: 2, arbitrary: fc.uniqueArray(fc.constantFrom(...NAMES), { minLength: 2, maxLength: 3 }) },
  ),
  concurrency: fc.integer({ min: 1, max: 3 }),
  random: fc.constantFrom(0.01, 0.37, 0.93),
  options: fc.array(options, { minLength: 3, maxLength: 3 }),
})

const pace: fc.Arbitrary<Pace> = fc.constantFrom('quiet', 'quiet', 'quiet', 'turn', 'turn', 'none')
/** Pace of outside events: spinner gets each of them in a separate turn. */
const outerPace: fc.Arbitrary<Pace> = fc.constantFrom('quiet', 'quiet', 'turn')
const child = fc.constantFrom(0, 0, 1, 2)
const signal: fc.Arbitrary<Signal> = fc.constantFrom('none', 'none', 'none', 'none', 'live', 'aborted')
/** Selects the oldest process of a child, because a child may have two living processes. */
const oldest = fc.constantFrom(false, false, true)
const which = fc.nat({ max: 7 })
/** Milliseconds that exceed each of the durations, with a fraction so that no two deadlines coincide by chance. */
const ms = fc
  .tuple(
    fc.constantFrom(3, 130, 520, 1_050, 2_100, 3_050, 5_100, 8_200, 11_000, 41_000),
    fc.nat({ max: 997 }),
  )
  .map(([rough, fine]) => rough + fine / 1_009)

type Doing = Command['do']
const of = <Do extends Doing>(
  weight: number,
  what: Do,
  rest: Record<string, fc.Arbitrary<unknown>>,
): fc.WeightedArbitrary<Command> => ({
  weight,
  arbitrary: fc.record({ do: fc.constant(what), ...rest }) as unknown as fc.Arbitrary<Command>,
})

export const command: fc.Arbitrary<Command> = fc.oneof(
  of(14, 'start', { child, pace, signal, callback: fc.boolean(), options: fc.constant(null) }),
  of(3, 'start', { child, pace, signal, callback: fc.boolean(), options }),
  of(8, 'stop', { child, pace, signal, by: fc.constantFrom('name', 'handle', 'callback') }),
  of(6, 'restart', { child, pace, signal, by: fc.constantFrom('name', 'handle', 'callback') }),
  of(3, 'acquire', { child, pace, signal, by: fc.constantFrom('name', 'handle') }),
  of(2, 'release', { which, pace }),
  of(2, 'abort', { which, pace }),
  of(2, 'await', { child, pace }),
  of(2, 'touch', { child, pace }),
  of(3, 'change', { child, pace }),
  of(22, 'bind', { child, pace, oldest: fc.boolean() }),
  of(3, 'bindForeign', { child, pace, oldest: fc.boolean() }),
  of(10, 'crash', {
    child,
    pace: outerPace,
    end: fc.constantFrom(0, 1, 'SIGSEGV'),
    leaves: fc.constantFrom(false, false, true),
    oldest,
  }),
  of(3, 'ignore', { child, pace, what: fc.constantFrom('SIGTERM', 'SIGTERM', 'SIGKILL'), oldest }),
  of(2, 'letGo', { child, pace: outerPace, oldest }),
  of(3, 'spawnFails', { child, pace, errno: fc.constantFrom('ENOENT', 'EMFILE'), sync: fc.boolean() }),
  of(1, 'refuseAddress', { child, pace }),
  of(2, 'sicken', { child, pace }),
  of(1, 'takeSocket', { child, pace }),
  of(16, 'advance', { ms, pace: outerPace }),
  of(10, 'happen', { which, pace: outerPace }),
  of(2, 'listenersThrow', { how: fc.constantFrom('no', 'throw', 'reject'), pace }),
  of(1, 'close', { pace }),
)

/** Sequences that lead to rare states, and that single random commands would seldom form. */
const phrase: fc.Arbitrary<readonly Command[]> = fc.constantFrom(0, 0, 0, 1, 2).chain((child) => {
  const quiet = { pace: 'quiet', child } as const
  const usual = { signal: 'none', callback: false, options: null } as const
  const start: Command = { do: 'start', ...quiet, ...usual }
  const bind: Command = { do: 'bind', ...quiet, oldest: false }
  const crash: Command = { do: 'crash', ...quiet, end: 1, leaves: false }
  const stop: Command = { do: 'stop', ...quiet, pace: 'turn', signal: 'none', by: 'name' }
  const wait = ms.map((given): Command => ({ do: 'advance', ms: given, pace: 'turn' }))
  const first: Command = { ...start, options: { startFirst: true } } as Command
  const change: Command = { do: 'change', ...quiet }
  const restart = fc
    .constantFrom('quiet' as const, 'turn' as const)
    .map((pace): Command => ({ do: 'restart', child, pace, signal: 'none', by: 'name' }))
  const crashOfOld: Command = { ...crash, oldest: true }
  const stubborn = fc
    .constantFrom('SIGTERM' as const, 'SIGKILL' as const)
    .map((what): Command => ({ do: 'ignore', ...quiet, what }))
  const watched: Command = { ...start, options: { startFirst: true, monitored: true } } as Command
  const quietWait = ms.map((given): Command => ({ do: 'advance', ms: given, pace: 'quiet' }))
  return fc.oneof(
    { weight: 4, arbitrary: fc.constant([start, bind]) },
    { weight: 2, arbitrary: fc.constant([crash, bind]) },
    { weight: 2, arbitrary: quietWait.map((given) => [crash, bind, given]) },
    { weight: 2, arbitrary: wait.map((given): Command[] => [given, { do: 'touch', ...quiet }]) },
    { weight: 2, arbitrary: restart.map((given) => [first, bind, given]) },
    { weight: 2, arbitrary: restart.map((given) => [given, bind]) },
    { weight: 1, arbitrary: restart.map((given) => [given, crashOfOld]) },
    { weight: 1, arbitrary: quietWait.map((given) => [change, given, bind]) },
    {
      weight: 1,
      arbitrary: fc
        .tuple(stubborn, restart, quietWait)
        .map(([ignore, again, given]) => [watched, bind, ignore, again, bind, change, given, bind]),
    },
    { weight: 1, arbitrary: fc.constant([stop, { ...start, pace: 'turn' }]) },
  )
})

const MOST = 60

const listOf = (maxLength: number): fc.Arbitrary<Command[]> =>
  fc
    .array(
      fc.oneof({ weight: 5, arbitrary: command.map((one) => [one]) }, { weight: 1, arbitrary: phrase }),
      {
        maxLength,
        size: 'max',
      },
    )
    .map((lists) => lists.flat().slice(0, MOST))

/** Up to 60 commands, and 20 on average. Short runs are fast, and long runs reach rare states. */
export const commands: fc.Arbitrary<Command[]> = fc.oneof(listOf(20), listOf(50))
