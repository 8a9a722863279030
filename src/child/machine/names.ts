import { assign, setup } from 'xstate'
import { crashLoopError, keptError } from '../../errors.ts'
import type { Whom } from '../process-slots.ts'
import * as actors from './actors.ts'
import {
  type Context,
  crashesWith,
  delayOf,
  FRESH,
  failedWith,
  isIncumbent,
  isOurs,
  isOutOfAttempts,
  isPastCheckBudget,
  type MachineInput,
  ms,
  NONE,
  remembered,
  streakWith,
  unhealthyWith,
} from './context.ts'
import { type MachineEvent, reasonOf } from './events.ts'

/** After the kill a group has so long to vanish; what is left then cannot be ended (docs/hazards.md#h7). */
const KILL_TIMEOUT_MS = 5_000

/** It is sent a little later than the wait begins; where it was only just sent, the wait begins again. */
const SURELY_KILLED_MS = KILL_TIMEOUT_MS / 2

const graceOf = ({ now, resources, settings }: Context, whom: Whom): number =>
  resources.attempts.graceLeft(whom, ms(settings.stopTimeout), now())

const outlivesKill = ({ resources: { attempts, beside } }: Context, whom: Whom): boolean =>
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
    mustDrain: ({ context }) => context.serving && context.resources.hasPlugins(),
    isQueued: ({ context }) => context.queued,
    hasPlugins: ({ context }) => context.resources.hasPlugins(),
    holdsProcess: ({ context }) => context.pid !== null || context.resources.attempts.hold,
    isOutOfAttempts: ({ context }) => isOutOfAttempts(context),
    canReplace: ({ context }) => context.resources.canReplace(),
    canKeep: ({ context }) => context.incumbent !== null && context.resources.canKeep(),
    hasRetiree: ({ context }) => context.retiree !== null,
    mustKeep: ({ context }) =>
      context.incumbent !== null && isOutOfAttempts(context) && context.resources.canKeep(),
    leavesNobody: ({ context, event }) =>
      isOurs(context, event) && context.retiree !== null && !context.resources.attempts.canFallBack,
    mustLeave: ({ context }) => context.incumbent !== null && context.resources.mustLeave(),
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
    begin: assign({ ...FRESH, queued: false, reason: 'it was asked for' }),
    beginAgain: assign(({ context, event }) => ({
      ...FRESH,
      queued: false,
      reason: reasonOf(event),
      restartCount: context.restartCount + 1,
    })),
    // What is under way begins anew, and is not one more.
    renew: assign(({ context, event }) => ({
      ...FRESH,
      reason: event.type === 'changed' ? reasonOf(event) : context.reason,
    })),
    adopt: assign(({ context }) => ({ settings: context.resources.settings })),
    adoptLaunched: assign(({ context: { resources, settings } }) => ({
      settings: resources.attempts.newest?.settings ?? settings,
    })),
    forget: assign({ crashes: [], unhealthy: [], streak: 0 }),
    failed: assign(({ context, event }) =>
      failedWith(context, (event as unknown as { error: unknown }).error),
    ),
    stillAlive: assign(({ context }) => ({ error: context.resources.stillAlive() })),
    stuck: ({ context: { resources } }) => resources.attempts.linger(resources.attempts.newest),
    abandon: assign(({ context: { incumbent, pid, resources, retiree } }) => {
      resources.attempts.abandon()
      return { ...NONE, pid: pid ?? incumbent ?? retiree }
    }),
    open: assign({ serving: true }),
    serve: assign(({ context: { kept, now, readyAt } }) => ({
      serving: true,
      readyAt: kept ? readyAt : now(),
    })),
    drained: assign({ serving: false }),
    gone: assign(({ context }) => {
      context.resources.gone()
      return { ...NONE, serving: false }
    }),
    cleared: assign(({ context }) => {
      context.resources.cleared()
      return { pid: null, serving: context.incumbent !== null }
    }),
    setAside: assign(({ context }) => {
      context.resources.attempts.setAside()
      return { incumbent: context.pid, pid: null }
    }),
    keep: assign(({ context }) => {
      const { error, incumbent, resources, restartCount } = context
      resources.attempts.keep()
      const { inForce: settings } = resources
      const kept = error && keptError(settings.name, error)
      return { ...NONE, settings, pid: incumbent, kept: true, error: kept, restartCount: restartCount - 1 }
    }),
    promote: assign(({ context: { incumbent, resources, retiree } }) => {
      resources.attempts.promote()
      return { incumbent: null, retiree: incumbent ?? retiree }
    }),
    confirm: ({ context }) => context.resources.confirm(),
    fallBack: assign(({ context: { resources, retiree } }) => {
      resources.attempts.fallBack()
      return { incumbent: retiree, retiree: null }
    }),
    lose: assign(({ context }) => {
      context.resources.attempts.promote()
      return { incumbent: null, retiree: null }
    }),
    retired: assign(({ context }) => {
      context.resources.attempts.retired()
      return { retiree: null }
    }),
    lingers: ({ context }) => context.resources.lingers(),
    outdate: assign({ outdated: true }),
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
    recordUnhealthy: assign(({ context }) => ({ unhealthy: unhealthyWith(context) })),
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
