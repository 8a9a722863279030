import type { SpinnerError } from '../../errors.ts'
import type { ChildSettings } from '../../types/options.ts'
import { addCrash, allowance, backoff, type FailureKind, resourceBackoff } from '../failures.ts'
import type { ChildHistory } from '../info.ts'
import type { ChildRuntime } from '../runtime.ts'

/** Bounds the list of crash times when options allow more crashes than anybody counts. */
const MOST_CRASHES = 1_000
/** After this long without a crash the crash streak is reset. */
const STABLE_AFTER_MS = 30_000
/** Restarts by checks have a budget of their own, so that a limit set too low cannot flap (docs/hazards.md#h16). */
const CHECK_RESTARTS = 3
const CHECK_WINDOW_MS = 600_000

/** The input of a new machine. */
export interface MachineInput {
  readonly runtime: ChildRuntime
  /** What earlier activations of the child have left to remember. */
  readonly history: ChildHistory
  /** Monotonic milliseconds. */
  readonly now: () => number
  readonly random: () => number
}

/** The memory of a machine: counts and times. The processes themselves are in `runtime.slots`. */
export interface Context extends Omit<MachineInput, 'history'> {
  /** Options of the attempt under way, or of the process that serves. */
  readonly settings: ChildSettings
  /** Files have changed since the process that is ready read them. */
  readonly outdated: boolean
  /** The last restart kept the old process. */
  readonly kept: boolean
  /** A start waits for the end of the stop. */
  readonly queued: boolean
  /** Failed attempts of this start, by kind. */
  readonly failed: Readonly<Record<FailureKind, number>>
  /** The kind of the last failed attempt; `null` while none has failed. */
  readonly failure: FailureKind | null
  /** Times of crashes, as far back as they can count. */
  readonly crashes: readonly number[]
  /** Times of restarts that checks have caused. */
  readonly unhealthy: readonly number[]
  readonly faultedAt: number
  readonly error: SpinnerError | null
  readonly reason: string
  /** Crashes in a row, each soon after the one before. The waits between attempts grow with it. */
  readonly streak: number
  /** When the child was last ready, in monotonic milliseconds. */
  readonly readyAt: number
  readonly restartCount: number
  readonly crashCount: number
}

/** A start without any failed attempt yet. */
export const NEW_START = {
  failed: { child: 0, address: 0, resource: 0 },
  failure: null,
  error: null,
  outdated: false,
  kept: false,
} as const

/** Converts seconds to milliseconds. */
export const ms = (seconds: number): number => seconds * 1_000

export const isOutOfAttempts = ({ failure, failed, settings }: Context): boolean =>
  failure !== null && failed[failure] >= allowance(failure, settings.attempts)

/** Returns the crashes that count, one more included. */
export const crashesWith = ({ crashes, settings, now }: Context): number[] =>
  addCrash(crashes, now(), ms(settings.restartTolerance), settings.maxRestarts)

/** Returns the restarts by checks that count, one more included. */
export const unhealthyWith = ({ unhealthy, now }: Context): number[] =>
  addCrash(unhealthy, now(), CHECK_WINDOW_MS, CHECK_RESTARTS)

/** Returns true if one more restart by checks exceeds their budget. */
export const isPastCheckBudget = (context: Context): boolean => unhealthyWith(context).length > CHECK_RESTARTS

/** Adds a crash. Keeps as many as can ever count: a later start may give a longer window, or allow more. */
export const withCrash = ({ crashes, settings, now }: Context): number[] =>
  [...crashes, now()].slice(-Math.max(MOST_CRASHES, settings.maxRestarts + 1))

/** Counts one more crash of the streak; a child that was up for a while begins a new one (docs/hazards.md#h16). */
export const streakWith = ({ now, readyAt, streak }: Context): number =>
  now() - readyAt < STABLE_AFTER_MS ? streak + 1 : 1

/** Counts one more failed attempt. */
export function failedWith(context: Context, thrown: unknown): Partial<Context> {
  const attempts = context.failed.child + context.failed.address + context.failed.resource + 1
  const { error, kind } = context.runtime.classify(thrown, attempts)
  const failed = { ...context.failed, [kind]: context.failed[kind] + 1 }
  return { failed, failure: kind, error }
}

/** Returns the milliseconds to wait before the next attempt. */
export function delayOf({ failure, failed, random, streak }: Context): number {
  if (failure === 'resource') return resourceBackoff(failed.resource, random())
  if (failure === 'address') return 0
  return backoff(failed.child + Math.max(0, streak - 1), random())
}
