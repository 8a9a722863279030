import { assign, setup } from 'xstate'
import * as actors from './actors.ts'
import { crashLoopError, headOf, type SpinnerError } from './errors.ts'
import type { Exit } from './events.ts'
import { addCrash, allowance, backoff, type FailureKind, resourceBackoff } from './failures.ts'
import type { ChildSettings } from './options.ts'
import type { Resources } from './resources.ts'

/** After the kill a group has so long to vanish; what is left then cannot be ended (HAZARDS H7). */
const KILL_TIMEOUT_MS = 5_000
/** Restarts by checks have a budget of their own, so that a limit set too low cannot flap (HAZARDS H16). */
const CHECK_RESTARTS = 3
const CHECK_WINDOW_MS = 600_000
const MOST_CRASHES = 1_000
/** Who stays up so long is well again. */
const STABLE_AFTER_MS = 30_000

/** What a machine is given when it is made. */
export interface MachineInput {
  readonly resources: Resources
  /** Monotonic milliseconds. */
  readonly now: () => number
  readonly random: () => number
}

interface Context extends MachineInput {
  readonly settings: ChildSettings
  readonly pid: number | null
  /** Traffic may reach the process, so plugins are told before it goes. */
  readonly serving: boolean
  /** A start waits for the end of the stop. */
  readonly queued: boolean
  /** Failed attempts of this start, by kind. */
  readonly failed: Readonly<Record<FailureKind, number>>
  /** The kind of the last failed attempt; `null` while none has failed. */
  readonly failure: FailureKind | null
  /** When it crashed, as far back as it counts. */
  readonly crashes: readonly number[]
  readonly unhealthy: readonly number[]
  readonly faultedAt: number
  readonly error: SpinnerError | null
  readonly reason: string
  /** Crashes in a row, each soon after the one before; what the waits between them grow with. */
  readonly streak: number
  /** When it was last ready, in monotonic milliseconds. */
  readonly readyAt: number
  readonly restartCount: number
  readonly crashCount: number
}

/** Everything that can happen to a child from outside. */
export type MachineEvent =
  | { type: 'start' }
  | { type: 'stop'; reason: string }
  | { type: 'restart'; reason: string }
  | { type: 'exited'; pid: number; exit: Exit; error: SpinnerError }
  | { type: 'changed'; file: string }
  | { type: 'unhealthy'; reason: string }
  | { type: 'idle'; reason: string }
  | { type: 'late'; error: unknown }
  | { type: 'broken'; error: SpinnerError }

const NONE_FAILED = { child: 0, address: 0, resource: 0 } as const
/** @internal A start that has failed nothing yet. */
export const FRESH = { failed: NONE_FAILED, failure: null, error: null } as const

/** @internal What an actor is given. */
export const outside = ({ context }: { context: Context }): actors.ActorInput => ({
  resources: context.resources,
  reason: context.reason,
})

const ms = (seconds: number): number => seconds * 1_000

const isOurs = (context: Context, event: MachineEvent): boolean =>
  event.type === 'exited' && event.pid === context.pid

const crashesWith = ({ crashes, settings, now }: Context): number[] =>
  addCrash(crashes, now(), ms(settings.restartTolerance), settings.maxRestarts)

/** As many as may ever count: a later start may give a longer window, or allow more. */
const remembered = ({ crashes, settings, now }: Context): number[] =>
  [...crashes, now()].slice(-Math.max(MOST_CRASHES, settings.maxRestarts + 1))

/** A child that was up for a while before it crashed begins a new streak (HAZARDS H16). */
const streakWith = ({ now, readyAt, streak }: Context): number =>
  now() - readyAt < STABLE_AFTER_MS ? streak + 1 : 1

/** One more failed attempt. */
function failedWith(context: Context, thrown: unknown): Partial<Context> {
  const attempts = context.failed.child + context.failed.address + context.failed.resource + 1
  const { error, kind } = context.resources.classify(thrown, attempts)
  const failed = { ...context.failed, [kind]: context.failed[kind] + 1 }
  return { failed, failure: kind, error }
}

function delayOf({ failure, failed, random, streak }: Context): number {
  if (failure === 'resource') return resourceBackoff(failed.resource, random())
  if (failure === 'address') return 0
  return backoff(failed.child + Math.max(0, streak - 1), random())
}

/** @internal What the names in the table of `machine.ts` mean. */
export const machineSetup = setup({
  types: {} as { context: Context; events: MachineEvent; input: MachineInput },
  actors: {
    launch: actors.launch,
    ready: actors.ready,
    introduce: actors.introduce,
    drain: actors.drain,
    terminate: actors.terminate,
    kill: actors.kill,
    explain: actors.explain,
  },
  delays: {
    timeout: ({ context }) => ms(context.settings.timeout),
    stopTimeout: ({ context }) => ms(context.settings.stopTimeout),
    drainTimeout: ({ context }) => ms(context.settings.drainTimeout),
    killTimeout: KILL_TIMEOUT_MS,
    backoff: ({ context }) => delayOf(context),
  },
  guards: {
    mustDrain: ({ context }) => context.serving && context.resources.hasPlugins(),
    isQueued: ({ context }) => context.queued,
    hasPlugins: ({ context }) => context.resources.hasPlugins(),
    holdsProcess: ({ context }) => context.pid !== null,
    isOutOfAttempts: ({ context: { failure, failed, settings } }) =>
      failure !== null && failed[failure] >= allowance(failure, settings.attempts),
    mustWait: ({ context }) => delayOf(context) > 0,
    isOurs: ({ context, event }) => isOurs(context, event),
    isMeantToEnd: ({ context, event }) =>
      isOurs(context, event) &&
      (context.settings.restart === 'never' ||
        (context.settings.restart === 'on-failure' && event.type === 'exited' && event.exit.code === 0)),
    crashesTooOften: ({ context, event }) =>
      isOurs(context, event) && crashesWith(context).length > context.settings.maxRestarts,
    isWithinCheckBudget: ({ context: { unhealthy, now } }) =>
      addCrash(unhealthy, now(), CHECK_WINDOW_MS, CHECK_RESTARTS).length <= CHECK_RESTARTS,
    isForgiven: ({ context }) => context.now() - context.faultedAt >= ms(context.settings.faultTimeout),
  },
  actions: {
    begin: assign({ ...FRESH, queued: false, reason: 'it was asked for' }),
    beginAgain: assign(({ context, event }) => ({
      ...FRESH,
      queued: false,
      reason: reasonOf(event),
      restartCount: context.restartCount + 1,
    })),
    adopt: assign(({ context }) => ({ settings: context.resources.settings })),
    forget: assign({ crashes: [], unhealthy: [], streak: 0 }),
    failed: assign(({ context, event }) =>
      failedWith(context, (event as unknown as { error: unknown }).error),
    ),
    stillAlive: assign(({ context }) => ({ error: context.resources.stillAlive() })),
    serve: assign(({ context }) => ({ serving: true, readyAt: context.now() })),
    drained: assign({ serving: false }),
    gone: assign(({ context }) => {
      context.resources.gone()
      return { pid: null, serving: false }
    }),
    recordCrash: assign(({ context, event }) =>
      event.type === 'exited'
        ? {
            crashes: remembered(context),
            crashCount: context.crashCount + 1,
            streak: streakWith(context),
            error: event.error,
          }
        : {},
    ),
    giveUp: assign(({ context: { crashes, error, now, settings } }) => {
      const counted = crashes.filter((at) => now() - at < ms(settings.restartTolerance)).length
      return error ? { error: crashLoopError(error, counted, settings.restartTolerance) } : {}
    }),
    recordUnhealthy: assign(({ context }) => ({
      unhealthy: addCrash(context.unhealthy, context.now(), CHECK_WINDOW_MS, CHECK_RESTARTS),
    })),
    spareUnhealthy: ({ context, event }) => context.resources.spared(reasonOf(event)),
    queue: assign({ queued: true }),
    unqueue: assign({ queued: false }),
    explainStop: assign(({ event }) => ({ reason: reasonOf(event) })),
    fault: assign(({ context }) => ({
      queued: false,
      faultedAt: context.now(),
      reason: context.error?.message ?? 'it failed',
    })),
    breakDown: assign(({ event }) => (event.type === 'broken' ? { error: event.error } : {})),
    release: ({ context }) => context.resources.release(),
  },
})

/** Why, in the words that `ChildInfo.reason` and the `state` event carry. */
function reasonOf(event: MachineEvent): string {
  if (event.type === 'exited') return headOf(event.error)
  if (event.type === 'changed') return `a file changed: ${event.file}`
  return 'reason' in event ? event.reason : 'it was asked for'
}
