import { and, raise } from 'xstate'
import { actorInput, machineSetup } from './names.ts'

/** An attempt failed: its processes are cleaned up before the next one. */
const ATTEMPT_FAILED = { target: 'cleaningUp', actions: ['recordFailure', 'reportFailure'] } as const
/** What survived the kill stays, and nothing is started beside it. */
const SURVIVED = {
  target: '#child.faulted.resting',
  actions: ['abandonReplacement', 'recordSurvivors'],
} as const
/** The next process survived the kill, and the current one serves. */
const STUCK = {
  target: '#child.started',
  actions: ['recordSurvivors', 'leaveNextBehind', 'clearFailed', 'keepCurrent', 'recordKept'],
} as const

/** The next process did not come up, and the current one serves. */
const KEPT = {
  guard: 'mustKeepCurrent',
  target: '#child.started',
  actions: ['clearFailed', 'keepCurrent', 'recordKept'],
} as const
/** The current process cannot serve until the next one is ready: its socket is gone, or the options have changed. */
const STOP_FIRST = {
  guard: 'mustStopFirst',
  target: '#child.restart.stopping',
  actions: ['clearFailed', 'renew', 'abandonReplacement'],
} as const

/** @internal From nothing to ready: cleans up what the last process left, then makes attempt after attempt. */
export const startPhase = machineSetup.createStateConfig({
  initial: 'cleaningUp',
  states: {
    cleaningUp: {
      invoke: {
        id: 'cleanUp',
        src: 'cleanUp',
        input: actorInput,
        onDone: [
          KEPT,
          STOP_FIRST,
          { guard: 'isOutOfAttempts', target: '#child.faulted', actions: 'clearFailed' },
          { guard: 'mustWait', target: 'waiting', actions: 'clearFailed' },
          { target: 'launching', actions: 'clearFailed' },
        ],
        onError: [{ guard: 'canKeepCurrent', ...STUCK }, SURVIVED],
      },
      // After the host was blocked, the killed process may have ended long ago, or was not killed yet.
      after: {
        killTimeout: [
          { guard: and(['failedOutlivesKill', 'canKeepCurrent']), ...STUCK },
          { guard: 'failedOutlivesKill', ...SURVIVED },
          { target: 'cleaningUp', reenter: true },
        ],
      },
    },
    waiting: { after: { backoff: [STOP_FIRST, { target: 'launching' }] } },
    launching: {
      entry: 'adopt',
      // Other options may have come before the spawn.
      exit: 'adoptLaunched',
      invoke: {
        id: 'launch',
        src: 'launch',
        input: actorInput,
        onDone: 'awaitingReady',
        onError: ATTEMPT_FAILED,
      },
    },
    awaitingReady: {
      invoke: {
        id: 'ready',
        src: 'ready',
        input: actorInput,
        onDone: [{ guard: 'hasPlugins', target: 'notifyingPlugins' }, { target: 'done' }],
        onError: ATTEMPT_FAILED,
      },
      on: {
        exited: { guard: 'isLatest', ...ATTEMPT_FAILED },
        late: ATTEMPT_FAILED,
      },
      initial: 'inTime',
      states: {
        inTime: { after: { timeout: 'overdue' } },
        // After the host was blocked, what it has not seen yet may have happened long ago.
        overdue: {
          invoke: {
            id: 'diagnose',
            src: 'diagnose',
            input: actorInput,
            onDone: { actions: raise(({ event }) => ({ type: 'late', error: event.output })) },
            onError: { actions: raise(({ event }) => ({ type: 'late', error: event.error })) },
          },
        },
      },
    },
    notifyingPlugins: {
      entry: ['promote', 'startServing'],
      invoke: {
        id: 'notifyPlugins',
        src: 'notifyPlugins',
        input: actorInput,
        onDone: 'done',
        onError: 'done',
      },
      on: {
        exited: [
          {
            guard: 'leavesNone',
            target: '#child.restart.starting',
            actions: ['recordFailure', 'reportFailure', 'dropServing'],
          },
          {
            guard: 'isLatest',
            target: 'cleaningUp',
            actions: ['recordFailure', 'reportFailure', 'fallBack'],
          },
        ],
        changed: { guard: 'hasPrevious', actions: 'markOutdated' },
      },
      after: { drainTimeout: 'done' },
    },
    done: { type: 'final' },
  },
})

/** @internal From ready to nothing: no new traffic, a polite signal, and in the end the kill. */
export const stopPhase = machineSetup.createStateConfig({
  initial: 'choosing',
  states: {
    choosing: { always: [{ guard: 'mustDrain', target: 'draining' }, { target: 'terminating' }] },
    draining: {
      exit: 'stopServing',
      invoke: { id: 'drain', src: 'drain', input: actorInput, onDone: 'terminating', onError: 'terminating' },
      on: { exited: { guard: 'isCurrent', target: 'terminating' } },
      after: { drainTimeout: 'terminating' },
    },
    terminating: {
      invoke: {
        id: 'terminate',
        src: 'terminate',
        input: actorInput,
        onDone: { target: 'done', actions: 'clear' },
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
        onDone: { target: 'done', actions: 'clear' },
        onError: SURVIVED,
      },
      after: {
        killTimeout: [
          { guard: 'outlivesKill', ...SURVIVED },
          { target: 'killing', reenter: true },
        ],
      },
    },
    done: { type: 'final' },
  },
})

/** @internal The next process serves: the previous one gets no new traffic, and is ended. */
export const retirePhase = machineSetup.createStateConfig({
  entry: ['promote', 'commit', 'startServing', 'recordReady'],
  initial: 'choosing',
  states: {
    choosing: { always: [{ guard: 'hasPlugins', target: 'draining' }, { target: 'terminating' }] },
    draining: {
      invoke: { id: 'drain', src: 'drain', input: actorInput, onDone: 'terminating', onError: 'terminating' },
      on: { exited: { guard: 'isPrevious', target: 'terminating' } },
      after: { drainTimeout: 'terminating' },
    },
    terminating: {
      invoke: { id: 'retire', src: 'retire', input: actorInput, onDone: 'done' },
      after: {
        retireTimeout: [
          { guard: 'previousHadItsGrace', target: 'killing' },
          { target: 'terminating', reenter: true },
        ],
      },
    },
    killing: {
      invoke: {
        id: 'killPrevious',
        src: 'killPrevious',
        input: actorInput,
        onDone: 'done',
        onError: { target: 'done', actions: 'leavePreviousBehind' },
      },
      after: {
        killTimeout: [
          { guard: 'previousOutlivesKill', target: 'done', actions: 'leavePreviousBehind' },
          { target: 'killing', reenter: true },
        ],
      },
    },
    done: { type: 'final' },
  },
})
