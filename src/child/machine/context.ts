import type { SpinnerError } from '../../errors.ts'
import type { ChildSettings } from '../../types/options.ts'
import { addCrash, allowance, backoff, type FailureKind, resourceBackoff } from '../failures.ts'
import type { ChildHistory } from '../info.ts'
import type { ChildRuntime } from '../runtime.ts'
import type * as actors from './actors.ts'
import type { MachineEvent } from './events.ts'

const MOST_CRASHES = 1_000
/** Who stays up so long is well again. */
const STABLE_AFTER_MS = 30_000

/** What a machine is given when it is made. */
export interface MachineInput {
  readonly runtime: ChildRuntime
  /** What is remembered of its former lives. */
  readonly history: ChildHistory
  /** Monotonic milliseconds. */
  readonly now: () => number
  readonly random: () => number
}

/** What a machine remembers of its child. */
export interface Context extends Omit<MachineInput, 'history'> {
  readonly settings: ChildSettings
  readonly pid: number | null
  /** The process that serves while the next one is being brought up. */
  readonly incumbent: number | null
  /** The process that the next one has replaced, while it is being ended. */
  readonly retiree: number | null
  /** The process that is ready has read files that have changed since. */
  readonly outdated: boolean
  /** The last restart left the old process where it was. */
  readonly kept: boolean
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

const NONE_FAILED = { child: 0, address: 0, resource: 0 } as const
/** @internal A start that has failed nothing yet. */
export const NEW_START = {
  failed: NONE_FAILED,
  failure: null,
  error: null,
  outdated: false,
  kept: false,
} as const
/** @internal No process of its own. */
export const NO_PROCESS = { pid: null, incumbent: null, retiree: null } as const

/** @internal What an actor is given. */
export const actorInput = ({ context }: { context: Context }): actors.ActorInput => ({
  runtime: context.runtime,
  reason: context.reason,
})

export const ms = (seconds: number): number => seconds * 1_000

export const isOurs = (context: Context, event: MachineEvent): boolean =>
  event.type === 'exited' && event.pid === context.pid

export const isIncumbent = (context: Context, event: MachineEvent): boolean =>
  event.type === 'exited' && event.pid === context.incumbent

export const isOutOfAttempts = ({ failure, failed, settings }: Context): boolean =>
  failure !== null && failed[failure] >= allowance(failure, settings.attempts)

export const crashesWith = ({ crashes, settings, now }: Context): number[] =>
  addCrash(crashes, now(), ms(settings.restartTolerance), settings.maxRestarts)

/**
 * Restarts by checks have a budget of their own, so that a limit set too low cannot flap
 * (docs/hazards.md#h16).
 */
const CHECK_RESTARTS = 3
const CHECK_WINDOW_MS = 600_000

/** When its checks had it restarted, with this once more. */
export const unhealthyWith = ({ unhealthy, now }: Context): number[] =>
  addCrash(unhealthy, now(), CHECK_WINDOW_MS, CHECK_RESTARTS)

/** Whether this is once more than they may. */
export const isPastCheckBudget = (context: Context): boolean => unhealthyWith(context).length > CHECK_RESTARTS

/** As many as may ever count: a later start may give a longer window, or allow more. */
export const withCrash = ({ crashes, settings, now }: Context): number[] =>
  [...crashes, now()].slice(-Math.max(MOST_CRASHES, settings.maxRestarts + 1))

/** A child that was up for a while before it crashed begins a new streak (docs/hazards.md#h16). */
export const streakWith = ({ now, readyAt, streak }: Context): number =>
  now() - readyAt < STABLE_AFTER_MS ? streak + 1 : 1

/** One more failed attempt. */
export function failedWith(context: Context, thrown: unknown): Partial<Context> {
  const attempts = context.failed.child + context.failed.address + context.failed.resource + 1
  const { error, kind } = context.runtime.classify(thrown, attempts)
  const failed = { ...context.failed, [kind]: context.failed[kind] + 1 }
  return { failed, failure: kind, error }
}

export function delayOf({ failure, failed, random, streak }: Context): number {
  if (failure === 'resource') return resourceBackoff(failed.resource, random())
  if (failure === 'address') return 0
  return backoff(failed.child + Math.max(0, streak - 1), random())
}
