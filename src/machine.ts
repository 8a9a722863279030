import { assign, raise } from 'xstate'
import type { ChildState } from './events.ts'
import { FRESH, machineSetup, outside } from './machine-setup.ts'

/** What the kill did not end stays, and nothing is started over it. */
const SURVIVED = { target: '#child.faulted.resting', actions: 'stillAlive' } as const

/** From nothing to ready: what is left of the last process is cleared away, then attempt after attempt. */
const arriving = machineSetup.createStateConfig({
  initial: 'clearing',
  states: {
    clearing: {
      invoke: {
        id: 'kill',
        src: 'kill',
        input: outside,
        onDone: [
          { guard: 'isOutOfAttempts', target: '#child.faulted', actions: 'gone' },
          { guard: 'mustWait', target: 'waiting', actions: 'gone' },
          { target: 'launching', actions: 'gone' },
        ],
        onError: SURVIVED,
      },
      after: { killTimeout: SURVIVED },
    },
    waiting: { after: { backoff: 'launching' } },
    launching: {
      entry: 'adopt',
      invoke: {
        id: 'launch',
        src: 'launch',
        input: outside,
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
        input: outside,
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
            input: outside,
            onDone: { actions: raise(({ event }) => ({ type: 'late', error: event.output })) },
            onError: { actions: raise(({ event }) => ({ type: 'late', error: event.error })) },
          },
        },
      },
    },
    introducing: {
      entry: 'serve',
      invoke: { id: 'introduce', src: 'introduce', input: outside, onDone: 'arrived', onError: 'arrived' },
      on: { exited: { guard: 'isOurs', target: 'clearing', actions: 'failed' } },
      after: { drainTimeout: 'arrived' },
    },
    arrived: { type: 'final' },
  },
})

/** From ready to nothing: no new traffic, a polite signal, and in the end the kill. */
const leaving = machineSetup.createStateConfig({
  initial: 'choosing',
  states: {
    choosing: { always: [{ guard: 'mustDrain', target: 'draining' }, { target: 'terminating' }] },
    draining: {
      exit: 'drained',
      invoke: { id: 'drain', src: 'drain', input: outside, onDone: 'terminating', onError: 'terminating' },
      on: { exited: { guard: 'isOurs', target: 'terminating' } },
      after: { drainTimeout: 'terminating' },
    },
    terminating: {
      invoke: {
        id: 'terminate',
        src: 'terminate',
        input: outside,
        onDone: { target: 'left', actions: 'gone' },
      },
      after: { stopTimeout: 'killing' },
    },
    killing: {
      invoke: {
        id: 'kill',
        src: 'kill',
        input: outside,
        onDone: { target: 'left', actions: 'gone' },
        onError: SURVIVED,
      },
      after: { killTimeout: SURVIVED },
    },
    left: { type: 'final' },
  },
})

const RESTART = '#child.restart.leaving'

/**
 * @internal The table of `docs/states.md`. It decides, by name; what the names do is above, in `failures.ts` and in the
 * actors.
 */
export const childMachine = machineSetup.createMachine({
  id: 'child',
  context: ({ input }) => ({
    ...input,
    ...FRESH,
    settings: input.resources.settings,
    pid: null,
    serving: false,
    queued: false,
    crashes: [],
    unhealthy: [],
    faultedAt: 0,
    reason: 'it has not been started',
    streak: 0,
    readyAt: 0,
    restartCount: 0,
    crashCount: 0,
  }),
  initial: 'stopped',
  // Its group was killed already; nothing is invoked that could break the machine once more.
  on: { broken: { target: '.faulted.resting', actions: 'breakDown' } },
  states: {
    stopped: {
      entry: ['forget', 'release'],
      on: {
        start: { target: 'starting', actions: 'begin' },
        restart: { target: 'starting', actions: 'begin' },
      },
    },
    starting: {
      ...arriving,
      on: {
        stop: { target: 'stopping', actions: 'explainStop' },
        restart: { target: RESTART, actions: 'beginAgain' },
        changed: { target: RESTART, actions: 'beginAgain' },
      },
      onDone: 'started',
    },
    started: {
      entry: 'serve',
      on: {
        stop: { target: 'stopping', actions: 'explainStop' },
        restart: { target: RESTART, actions: 'beginAgain' },
        exited: [
          { guard: 'isMeantToEnd', target: 'stopping', actions: 'explainStop' },
          { guard: 'crashesTooOften', target: 'faulted', actions: ['recordCrash', 'giveUp'] },
          {
            guard: 'isOurs',
            target: '#child.restart.arriving',
            actions: ['beginAgain', 'recordCrash'],
          },
        ],
        changed: { target: RESTART, actions: 'beginAgain' },
        unhealthy: [
          { guard: 'isWithinCheckBudget', target: RESTART, actions: ['beginAgain', 'recordUnhealthy'] },
          { actions: 'spareUnhealthy' },
        ],
        idle: { target: 'stopping', actions: 'explainStop' },
      },
    },
    stopping: {
      ...leaving,
      on: {
        start: { actions: 'queue' },
        restart: { actions: 'queue' },
        stop: { actions: 'unqueue' },
      },
      onDone: [{ guard: 'isQueued', target: 'starting', actions: 'begin' }, { target: 'stopped' }],
    },
    restart: {
      initial: 'leaving',
      states: {
        leaving: { ...leaving, onDone: 'arriving' },
        arriving: {
          ...arriving,
          on: { changed: { target: RESTART, actions: 'beginAgain' } },
          onDone: '#child.started',
        },
      },
      on: { stop: { target: 'stopping', actions: 'explainStop' } },
    },
    faulted: {
      entry: 'fault',
      initial: 'clearing',
      states: {
        clearing: {
          invoke: {
            id: 'kill',
            src: 'kill',
            input: outside,
            onDone: { target: 'resting', actions: 'gone' },
            onError: { target: 'resting', actions: 'stillAlive' },
          },
          after: { killTimeout: { target: 'resting', actions: 'stillAlive' } },
        },
        resting: {},
      },
      on: {
        start: { guard: 'isForgiven', target: 'starting', actions: 'begin' },
        stop: [
          { guard: 'holdsProcess', target: '#child.stopping.killing', actions: 'explainStop' },
          { target: 'stopped', actions: 'explainStop' },
        ],
        restart: { target: 'starting', actions: ['forget', 'begin'] },
        changed: { target: RESTART, actions: ['forget', 'beginAgain'] },
      },
    },
  },
})

/** The public state behind a state of the machine. */
export const publicState = (value: string | object): ChildState =>
  (typeof value === 'string' ? value : Object.keys(value)[0]) as ChildState
