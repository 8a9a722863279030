import { assign, fromPromise, type PromiseActorLogic, setup } from 'xstate'
import { crashLoopError, keptError, type SpinnerError } from '../../errors.ts'
import type { SlotGroup } from '../process-slots.ts'
import type { ChildRuntime } from '../runtime.ts'
import {
  type Context,
  crashesWith,
  delayOf,
  failedWith,
  isOutOfAttempts,
  isPastCheckBudget,
  type MachineInput,
  ms,
  NEW_START,
  streakWith,
  unhealthyWith,
  withCrash,
} from './context.ts'
import { type MachineEvent, reasonOf } from './events.ts'

/** Time after the kill in which a group must vanish; what is left then cannot be ended (docs/hazards.md#h7). */
const KILL_TIMEOUT_MS = 5_000
/** SIGKILL may go out after the timer started (blocked host): if it is more recent than this, wait again. */
const SURELY_KILLED_MS = KILL_TIMEOUT_MS / 2

/** The input of every actor: the runtime that does the work, and the reason for it. */
interface ActorInput {
  readonly runtime: ChildRuntime
  readonly reason: string
}

/** @internal Returns the input of an actor. */
export const actorInput = ({ context: { reason, runtime } }: { context: Context }): ActorInput => ({
  runtime,
  reason,
})

/** Makes an actor of something that the runtime does. */
const io = <Output>(
  run: (runtime: ChildRuntime, signal: AbortSignal, reason: string) => Promise<Output>,
): PromiseActorLogic<Output, ActorInput> =>
  fromPromise(({ input, signal }) => run(input.runtime, signal, input.reason))

const pidOf = (event: MachineEvent): number | null => (event.type === 'exited' ? event.pid : null)

/** True if the process that an attempt is about has ended: the next one, or the current one. */
const isLatest = ({ runtime }: Context, event: MachineEvent): boolean =>
  event.type === 'exited' && event.pid === runtime.slots.latest?.pid

const graceOf = ({ now, runtime, settings }: Context, group: SlotGroup): number =>
  runtime.slots.graceLeft(group, ms(settings.stopTimeout), now())

const outlivesKill = ({ runtime: { helpers, slots } }: Context, group: SlotGroup): boolean =>
  slots.outlivesKill(group, SURELY_KILLED_MS) || helpers.outlivesKill(SURELY_KILLED_MS)

/**
 * @internal The meaning of each name in the table of `machine.ts`. An action that assigns is pure; an action that has an effect
 * calls the runtime or its slots, and assigns nothing.
 */
export const machineSetup = setup({
  types: {} as { context: Context; events: MachineEvent; input: MachineInput },
  actors: {
    launch: io((runtime, signal) => runtime.launch(signal)),
    ready: io((runtime, signal) => runtime.ready(signal)),
    notifyPlugins: io((runtime, signal) => runtime.notifyPlugins(signal)),
    drain: io((runtime, signal, reason) => runtime.drain(reason, signal)),
    terminate: io((runtime) => runtime.terminate()),
    kill: io((runtime) => runtime.kill()),
    cleanUp: io((runtime) => runtime.cleanUp()),
    retire: io((runtime, signal) => runtime.retire(signal)),
    killPrevious: io((runtime) => runtime.killPrevious()),
    diagnose: io<SpinnerError>((runtime) => runtime.diagnose()),
  },
  delays: {
    timeout: ({ context }) => ms(context.settings.timeout),
    stopTimeout: ({ context }) => graceOf(context, 'all'),
    retireTimeout: ({ context }) => graceOf(context, 'previous'),
    drainTimeout: ({ context }) => ms(context.settings.drainTimeout),
    killTimeout: KILL_TIMEOUT_MS,
    backoff: ({ context }) => delayOf(context),
  },
  guards: {
    // Of the processes.
    isLatest: ({ context, event }) => isLatest(context, event),
    isCurrent: ({ context, event }) => pidOf(event) === context.runtime.slots.current?.pid,
    isReplaced: ({ context: { runtime }, event }) =>
      runtime.slots.isReplacing && pidOf(event) === runtime.slots.current?.pid,
    isPrevious: ({ context, event }) => pidOf(event) === context.runtime.slots.previous?.pid,
    hasPrevious: ({ context }) => context.runtime.slots.previous !== null,
    holdsProcess: ({ context }) => context.runtime.slots.hasProcess,
    canReplace: ({ context }) => context.runtime.canReplace(),
    canKeepCurrent: ({ context }) => context.runtime.canKeepCurrent(),
    mustKeepCurrent: ({ context }) => isOutOfAttempts(context) && context.runtime.canKeepCurrent(),
    mustStopFirst: ({ context }) => context.runtime.mustStopFirst(),
    leavesNone: ({ context, event }) => {
      const { canFallBack, previous } = context.runtime.slots
      return isLatest(context, event) && previous !== null && !canFallBack
    },
    // Of plugins.
    hasPlugins: ({ context }) => context.runtime.hasPlugins(),
    mustDrain: ({ context: { runtime } }) =>
      runtime.slots.current?.isServing === true && runtime.hasPlugins(),
    // Of counts and times.
    isQueued: ({ context }) => context.queued,
    isOutdated: ({ context }) => context.outdated,
    isOutOfAttempts: ({ context }) => isOutOfAttempts(context),
    isPastCheckBudget: ({ context }) => isPastCheckBudget(context),
    isForgiven: ({ context }) => context.now() - context.faultedAt >= ms(context.settings.faultTimeout),
    isMeantToEnd: ({ context, event }) =>
      isLatest(context, event) &&
      (context.settings.restart === 'never' ||
        (context.settings.restart === 'on-failure' && event.type === 'exited' && event.exit.code === 0)),
    crashesTooOften: ({ context, event }) =>
      isLatest(context, event) && crashesWith(context).length > context.settings.maxRestarts,
    mustWait: ({ context }) => delayOf(context) > 0,
    // The signal of a blocked host goes out later than the wait begins, and a timer may fire a bit early.
    hadItsGrace: ({ context }) => graceOf(context, 'all') <= 1,
    previousHadItsGrace: ({ context }) => graceOf(context, 'previous') <= 1,
    outlivesKill: ({ context }) => outlivesKill(context, 'all'),
    failedOutlivesKill: ({ context }) => outlivesKill(context, 'failed'),
    previousOutlivesKill: ({ context }) => outlivesKill(context, 'previous'),
  },
  actions: {
    // Pure: what the machine remembers.
    begin: assign({ ...NEW_START, queued: false, reason: 'it was asked for' }),
    beginAgain: assign(({ context, event }) => ({
      ...NEW_START,
      queued: false,
      reason: reasonOf(event),
      restartCount: context.restartCount + 1,
    })),
    // A restart that is under way begins again, and is not counted once more.
    renew: assign(({ context, event }) => ({
      ...NEW_START,
      reason: event.type === 'changed' ? reasonOf(event) : context.reason,
    })),
    adopt: assign(({ context }) => ({ settings: context.runtime.settings })),
    adoptLaunched: assign(({ context: { runtime, settings } }) => ({
      settings: runtime.slots.latest?.settings ?? settings,
    })),
    recordFailure: assign(({ context, event }) =>
      failedWith(context, (event as unknown as { error: unknown }).error),
    ),
    recordKept: assign(({ context: { error, restartCount, runtime, settings } }) => ({
      settings: runtime.settingsInForce,
      kept: true,
      error: error && keptError(settings.name, error),
      restartCount: restartCount - 1,
    })),
    recordReady: assign(({ context: { kept, now, readyAt } }) => ({ readyAt: kept ? readyAt : now() })),
    recordSurvivors: assign(({ context }) => ({ error: context.runtime.survivorsError() })),
    recordCrash: assign(({ context, event }) =>
      event.type === 'exited'
        ? {
            crashes: withCrash(context),
            crashCount: context.crashCount + 1,
            streak: streakWith(context),
            error: event.error,
          }
        : {},
    ),
    recordCrashLoop: assign(({ context: { crashes, error, now, settings } }) => {
      const counted = crashes.filter((at) => now() - at < ms(settings.restartTolerance)).length
      return error ? { error: crashLoopError(error, counted, settings.restartTolerance) } : {}
    }),
    recordUnhealthy: assign(({ context }) => ({ unhealthy: unhealthyWith(context) })),
    recordReason: assign(({ event }) => ({ reason: reasonOf(event) })),
    recordFault: assign(({ context }) => ({
      queued: false,
      faultedAt: context.now(),
      reason: context.error?.message ?? 'it failed',
    })),
    recordBreakdown: assign(({ event }) => (event.type === 'broken' ? { error: event.error } : {})),
    forgetCrashes: assign({ crashes: [], unhealthy: [], streak: 0 }),
    markOutdated: assign({ outdated: true }),
    queue: assign({ queued: true }),
    unqueue: assign({ queued: false }),
    // Effects: which process is which.
    beginReplacement: ({ context }) => context.runtime.slots.beginReplacement(),
    promote: ({ context }) => context.runtime.slots.promote(),
    fallBack: ({ context }) => context.runtime.slots.fallBack(),
    keepCurrent: ({ context }) => context.runtime.slots.keepCurrent(),
    dropServing: ({ context }) => context.runtime.slots.dropServing(),
    abandonReplacement: ({ context }) => context.runtime.slots.abandonReplacement(),
    leaveNextBehind: ({ context: { runtime } }) => runtime.slots.leaveBehind(runtime.slots.latest),
    leavePreviousBehind: ({ context }) => context.runtime.leavePreviousBehind(),
    clearFailed: ({ context }) => context.runtime.clearFailed(),
    clearPrevious: ({ context }) => context.runtime.slots.clearPrevious(),
    clear: ({ context }) => context.runtime.clear(),
    startServing: ({ context }) => context.runtime.slots.current?.startServing(),
    stopServing: ({ context }) => context.runtime.slots.current?.stopServing(),
    // Effects: the rest.
    reportFailure: ({ context: { error, failure, runtime } }) => runtime.reportFailure(error, failure),
    ignoreUnhealthy: ({ context, event }) => context.runtime.ignoreUnhealthy(reasonOf(event)),
    commit: ({ context }) => context.runtime.allocation.commit(),
    release: ({ context }) => context.runtime.release(),
  },
})
