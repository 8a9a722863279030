import { assign, setup } from 'xstate'
import { crashLoopError, keptError } from '../../errors.ts'
import type { SlotGroup } from '../process-slots.ts'
import * as actors from './actors.ts'
import {
  type Context,
  crashesWith,
  delayOf,
  failedWith,
  isIncumbent,
  isOurs,
  isOutOfAttempts,
  isPastCheckBudget,
  type MachineInput,
  ms,
  NEW_START,
  NO_PROCESS,
  streakWith,
  unhealthyWith,
  withCrash,
} from './context.ts'
import { type MachineEvent, reasonOf } from './events.ts'

/** After the kill a group has so long to vanish; what is left then cannot be ended (docs/hazards.md#h7). */
const KILL_TIMEOUT_MS = 5_000

/** It is sent a little later than the wait begins; where it was only just sent, the wait begins again. */
const SURELY_KILLED_MS = KILL_TIMEOUT_MS / 2

const graceOf = ({ now, runtime: resources, settings }: Context, whom: SlotGroup): number =>
  resources.slots.graceLeft(whom, ms(settings.stopTimeout), now())

const outlivesKill = ({ runtime: { slots: attempts, helpers: beside } }: Context, whom: SlotGroup): boolean =>
  attempts.outliveKill(whom, SURELY_KILLED_MS) || beside.outliveKill(SURELY_KILLED_MS)

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
    clear: actors.clear,
    retire: actors.retire,
    killRetired: actors.killRetired,
    explain: actors.explain,
  },
  delays: {
    timeout: ({ context }) => ms(context.settings.timeout),
    stopTimeout: ({ context }) => graceOf(context, 'all'),
    retireTimeout: ({ context }) => graceOf(context, 'retiree'),
    drainTimeout: ({ context }) => ms(context.settings.drainTimeout),
    killTimeout: KILL_TIMEOUT_MS,
    backoff: ({ context }) => delayOf(context),
  },
  guards: {
    mustDrain: ({ context }) => context.serving && context.runtime.hasPlugins(),
    isQueued: ({ context }) => context.queued,
    hasPlugins: ({ context }) => context.runtime.hasPlugins(),
    holdsProcess: ({ context }) => context.pid !== null || context.runtime.slots.hold,
    isOutOfAttempts: ({ context }) => isOutOfAttempts(context),
    canReplace: ({ context }) => context.runtime.canReplace(),
    canKeep: ({ context }) => context.incumbent !== null && context.runtime.canKeep(),
    hasRetiree: ({ context }) => context.retiree !== null,
    mustKeep: ({ context }) =>
      context.incumbent !== null && isOutOfAttempts(context) && context.runtime.canKeep(),
    leavesNobody: ({ context, event }) =>
      isOurs(context, event) && context.retiree !== null && !context.runtime.slots.canFallBack,
    mustLeave: ({ context }) => context.incumbent !== null && context.runtime.mustLeave(),
    isIncumbent: ({ context, event }) => isIncumbent(context, event),
    isServing: ({ context, event }) =>
      context.incumbent === null ? isOurs(context, event) : isIncumbent(context, event),
    isRetiree: ({ context, event }) => event.type === 'exited' && event.pid === context.retiree,
    isOutdated: ({ context }) => context.outdated,
    mustWait: ({ context }) => delayOf(context) > 0,
    isOurs: ({ context, event }) => isOurs(context, event),
    isMeantToEnd: ({ context, event }) =>
      isOurs(context, event) &&
      (context.settings.restart === 'never' ||
        (context.settings.restart === 'on-failure' && event.type === 'exited' && event.exit.code === 0)),
    crashesTooOften: ({ context, event }) =>
      isOurs(context, event) && crashesWith(context).length > context.settings.maxRestarts,
    isPastCheckBudget: ({ context }) => isPastCheckBudget(context),
    // Where the host was held up, the signal has gone out later than the wait began; and a timer may be early by a bit.
    hadItsGrace: ({ context }) => graceOf(context, 'all') <= 1,
    retireeHadItsGrace: ({ context }) => graceOf(context, 'retiree') <= 1,
    outlivesKill: ({ context }) => outlivesKill(context, 'all'),
    outlivesClearing: ({ context }) => outlivesKill(context, 'cleared'),
    retireeOutlivesKill: ({ context }) => outlivesKill(context, 'retiree'),
    isForgiven: ({ context }) => context.now() - context.faultedAt >= ms(context.settings.faultTimeout),
  },
  actions: {
    begin: assign({ ...NEW_START, queued: false, reason: 'it was asked for' }),
    beginAgain: assign(({ context, event }) => ({
      ...NEW_START,
      queued: false,
      reason: reasonOf(event),
      restartCount: context.restartCount + 1,
    })),
    // What is under way begins anew, and is not one more.
    renew: assign(({ context, event }) => ({
      ...NEW_START,
      reason: event.type === 'changed' ? reasonOf(event) : context.reason,
    })),
    adopt: assign(({ context }) => ({ settings: context.runtime.settings })),
    adoptLaunched: assign(({ context: { runtime: resources, settings } }) => ({
      settings: resources.slots.newest?.settings ?? settings,
    })),
    forget: assign({ crashes: [], unhealthy: [], streak: 0 }),
    failed: assign(({ context, event }) =>
      failedWith(context, (event as unknown as { error: unknown }).error),
    ),
    stillAlive: assign(({ context }) => ({ error: context.runtime.stillAlive() })),
    stuck: ({ context: { runtime: resources } }) => resources.slots.linger(resources.slots.newest),
    abandon: assign(({ context: { incumbent, pid, runtime: resources, retiree } }) => {
      resources.slots.abandon()
      return { ...NO_PROCESS, pid: pid ?? incumbent ?? retiree }
    }),
    open: assign({ serving: true }),
    serve: assign(({ context: { kept, now, readyAt } }) => ({
      serving: true,
      readyAt: kept ? readyAt : now(),
    })),
    drained: assign({ serving: false }),
    gone: assign(({ context }) => {
      context.runtime.gone()
      return { ...NO_PROCESS, serving: false }
    }),
    cleared: assign(({ context }) => {
      context.runtime.cleared()
      return { pid: null, serving: context.incumbent !== null }
    }),
    setAside: assign(({ context }) => {
      context.runtime.slots.setAside()
      return { incumbent: context.pid, pid: null }
    }),
    keep: assign(({ context }) => {
      const { error, incumbent, runtime: resources, restartCount } = context
      resources.slots.keep()
      const { settingsInForce: settings } = resources
      const kept = error && keptError(settings.name, error)
      return {
        ...NO_PROCESS,
        settings,
        pid: incumbent,
        kept: true,
        error: kept,
        restartCount: restartCount - 1,
      }
    }),
    promote: assign(({ context: { incumbent, runtime: resources, retiree } }) => {
      resources.slots.promote()
      return { incumbent: null, retiree: incumbent ?? retiree }
    }),
    confirm: ({ context }) => context.runtime.confirm(),
    fallBack: assign(({ context: { runtime: resources, retiree } }) => {
      resources.slots.fallBack()
      return { incumbent: retiree, retiree: null }
    }),
    lose: assign(({ context }) => {
      context.runtime.slots.promote()
      return { incumbent: null, retiree: null }
    }),
    retired: assign(({ context }) => {
      context.runtime.slots.retired()
      return { retiree: null }
    }),
    lingers: ({ context }) => context.runtime.lingers(),
    outdate: assign({ outdated: true }),
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
    giveUp: assign(({ context: { crashes, error, now, settings } }) => {
      const counted = crashes.filter((at) => now() - at < ms(settings.restartTolerance)).length
      return error ? { error: crashLoopError(error, counted, settings.restartTolerance) } : {}
    }),
    recordUnhealthy: assign(({ context }) => ({ unhealthy: unhealthyWith(context) })),
    spareUnhealthy: ({ context, event }) => context.runtime.spared(reasonOf(event)),
    queue: assign({ queued: true }),
    unqueue: assign({ queued: false }),
    explainStop: assign(({ event }) => ({ reason: reasonOf(event) })),
    fault: assign(({ context }) => ({
      queued: false,
      faultedAt: context.now(),
      reason: context.error?.message ?? 'it failed',
    })),
    breakDown: assign(({ event }) => (event.type === 'broken' ? { error: event.error } : {})),
    release: ({ context }) => context.runtime.release(),
  },
})
