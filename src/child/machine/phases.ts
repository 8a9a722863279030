import { and, assign, raise } from 'xstate'
import { actorInput } from './context.ts'
import { machineSetup } from './names.ts'

/** What the kill did not end stays, and nothing is started over it. */
const SURVIVED = { target: '#child.faulted.resting', actions: ['abandon', 'stillAlive'] } as const
/** The same of a new process, while the old one serves. */
const STUCK = { target: '#child.started', actions: ['stillAlive', 'stuck', 'cleared', 'keep'] } as const

/** The new version failed, and the old one serves. */
const KEPT = { guard: 'mustKeep', target: '#child.started', actions: ['cleared', 'keep'] } as const
/** The old one cannot stay until the next one is ready: its socket is gone, or the options are others by now. */
const UNREPLACED = {
  guard: 'mustLeave',
  target: '#child.restart.leaving',
  actions: ['cleared', 'renew', 'abandon'],
} as const

/** @internal From nothing to ready: what is left of the last process is cleared away, then attempt after attempt. */
export const startPhase = machineSetup.createStateConfig({
  initial: 'clearing',
  states: {
    clearing: {
      invoke: {
        id: 'clear',
        src: 'clear',
        input: actorInput,
        onDone: [
          KEPT,
          UNREPLACED,
          { guard: 'isOutOfAttempts', target: '#child.faulted', actions: 'cleared' },
          { guard: 'mustWait', target: 'waiting', actions: 'cleared' },
          { target: 'launching', actions: 'cleared' },
        ],
        onError: [{ guard: 'canKeep', ...STUCK }, SURVIVED],
      },
      // Where the host itself was held up, what was killed may have ended long ago, or was not killed yet.
      after: {
        killTimeout: [
          { guard: and(['outlivesClearing', 'canKeep']), ...STUCK },
          { guard: 'outlivesClearing', ...SURVIVED },
          { target: 'clearing', reenter: true },
        ],
      },
    },
    waiting: { after: { backoff: [UNREPLACED, { target: 'launching' }] } },
    launching: {
      entry: 'adopt',
      // Others may have come before the spawn.
      exit: 'adoptLaunched',
      invoke: {
        id: 'launch',
        src: 'launch',
        input: actorInput,
        onDone: {
          target: 'readying',
          actions: assign(({ event }) => ({ pid: event.output })),
        },
        onError: { target: 'clearing', actions: 'failed' },
      },
    },
    readying: {
      invoke: {
        id: 'ready',
        src: 'ready',
        input: actorInput,
        onDone: [{ guard: 'hasPlugins', target: 'introducing' }, { target: 'arrived' }],
        onError: { target: 'clearing', actions: 'failed' },
      },
      on: {
        exited: { guard: 'isOurs', target: 'clearing', actions: 'failed' },
        late: { target: 'clearing', actions: 'failed' },
      },
      initial: 'inTime',
      states: {
        inTime: { after: { timeout: 'overdue' } },
        // Where the host itself was held up, what it has not seen yet may have happened long ago.
        overdue: {
          invoke: {
            id: 'explain',
            src: 'explain',
            input: actorInput,
            onDone: { actions: raise(({ event }) => ({ type: 'late', error: event.output })) },
            onError: { actions: raise(({ event }) => ({ type: 'late', error: event.error })) },
          },
        },
      },
    },
    introducing: {
      entry: ['promote', 'open'],
      invoke: { id: 'introduce', src: 'introduce', input: actorInput, onDone: 'arrived', onError: 'arrived' },
      on: {
        exited: [
          { guard: 'leavesNobody', target: '#child.restart.arriving', actions: ['failed', 'lose'] },
          { guard: 'isOurs', target: 'clearing', actions: ['failed', 'fallBack'] },
        ],
        changed: { guard: 'hasRetiree', actions: 'outdate' },
      },
      after: { drainTimeout: 'arrived' },
    },
    arrived: { type: 'final' },
  },
})

/** @internal From ready to nothing: no new traffic, a polite signal, and in the end the kill. */
export const stopPhase = machineSetup.createStateConfig({
  initial: 'choosing',
  states: {
    choosing: { always: [{ guard: 'mustDrain', target: 'draining' }, { target: 'terminating' }] },
    draining: {
      exit: 'drained',
      invoke: { id: 'drain', src: 'drain', input: actorInput, onDone: 'terminating', onError: 'terminating' },
      on: { exited: { guard: 'isServing', target: 'terminating' } },
      after: { drainTimeout: 'terminating' },
    },
    terminating: {
      invoke: {
        id: 'terminate',
        src: 'terminate',
        input: actorInput,
        onDone: { target: 'left', actions: 'gone' },
      },
      after: {
        stopTimeout: [
          { guard: 'hadItsGrace', target: 'killing' },
          { target: 'terminating', reenter: true },
        ],
      },
    },
    killing: {
      invoke: {
        id: 'kill',
        src: 'kill',
        input: actorInput,
        onDone: { target: 'left', actions: 'gone' },
        onError: SURVIVED,
      },
      after: {
        killTimeout: [
          { guard: 'outlivesKill', ...SURVIVED },
          { target: 'killing', reenter: true },
        ],
      },
    },
    left: { type: 'final' },
  },
})

/** @internal The new process serves: the old one takes no new traffic, and is ended. */
export const retirePhase = machineSetup.createStateConfig({
  entry: ['promote', 'confirm', 'serve'],
  initial: 'choosing',
  states: {
    choosing: { always: [{ guard: 'hasPlugins', target: 'draining' }, { target: 'terminating' }] },
    draining: {
      invoke: { id: 'drain', src: 'drain', input: actorInput, onDone: 'terminating', onError: 'terminating' },
      on: { exited: { guard: 'isRetiree', target: 'terminating' } },
      after: { drainTimeout: 'terminating' },
    },
    terminating: {
      invoke: { id: 'retire', src: 'retire', input: actorInput, onDone: 'left' },
      after: {
        retireTimeout: [
          { guard: 'retireeHadItsGrace', target: 'killing' },
          { target: 'terminating', reenter: true },
        ],
      },
    },
    killing: {
      invoke: {
        id: 'killRetired',
        src: 'killRetired',
        input: actorInput,
        onDone: 'left',
        onError: { target: 'left', actions: 'lingers' },
      },
      after: {
        killTimeout: [
          { guard: 'retireeOutlivesKill', target: 'left', actions: 'lingers' },
          { target: 'killing', reenter: true },
        ],
      },
    },
    left: { type: 'final' },
  },
})
