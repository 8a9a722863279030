import type { ChildState } from '../../types/child.ts'
import { NEW_START } from './context.ts'
import { actorInput, machineSetup } from './names.ts'
import { retirePhase, startPhase, stopPhase } from './phases.ts'

const RESTART = '#child.restart.stopping'
/** With `start-first` the next process comes before the current one goes. */
const RESTARTS = [
  { guard: 'canReplace', target: '#child.restart.replacing', actions: ['beginAgain', 'beginReplacement'] },
  { target: RESTART, actions: 'beginAgain' },
] as const

/** @internal The table of `docs/states.md`. It decides, by name; `names.ts` says what each name means. */
export const childMachine = machineSetup.createMachine({
  id: 'child',
  context: ({ input: { history, ...input } }) => ({
    ...input,
    ...NEW_START,
    settings: input.runtime.settings,
    queued: false,
    crashes: [],
    unhealthy: [],
    faultedAt: 0,
    reason: history.reason,
    error: history.lastError,
    streak: 0,
    readyAt: 0,
    restartCount: history.restarts,
    crashCount: history.crashes,
  }),
  initial: 'stopped',
  // The supervisor has killed the group already. Invoke nothing that could break the machine once more.
  on: { broken: { target: '.faulted.resting', actions: 'recordBreakdown' } },
  states: {
    stopped: {
      entry: ['forgetCrashes', 'release'],
      on: {
        start: { target: 'starting', actions: 'begin' },
        restart: { target: 'starting', actions: 'begin' },
      },
    },
    starting: {
      ...startPhase,
      on: {
        stop: { target: 'stopping', actions: 'recordReason' },
        restart: { target: RESTART, actions: 'beginAgain' },
        changed: { target: RESTART, actions: 'beginAgain' },
      },
      onDone: 'started',
    },
    started: {
      entry: ['startServing', 'recordReady'],
      on: {
        stop: { target: 'stopping', actions: 'recordReason' },
        restart: RESTARTS,
        exited: [
          { guard: 'isMeantToEnd', target: 'stopping', actions: 'recordReason' },
          { guard: 'crashesTooOften', target: 'faulted', actions: ['recordCrash', 'recordCrashLoop'] },
          {
            guard: 'isLatest',
            target: '#child.restart.starting',
            actions: ['beginAgain', 'recordCrash'],
          },
        ],
        changed: RESTARTS,
        unhealthy: [
          { guard: 'isPastCheckBudget', actions: 'ignoreUnhealthy' },
          {
            guard: 'canReplace',
            target: '#child.restart.replacing',
            actions: ['beginAgain', 'recordUnhealthy', 'beginReplacement'],
          },
          { target: RESTART, actions: ['beginAgain', 'recordUnhealthy'] },
        ],
        idle: { target: 'stopping', actions: 'recordReason' },
      },
    },
    stopping: {
      ...stopPhase,
      on: {
        start: { actions: 'queue' },
        restart: { actions: 'queue' },
        stop: { actions: 'unqueue' },
      },
      onDone: [{ guard: 'isQueued', target: 'starting', actions: 'begin' }, { target: 'stopped' }],
    },
    restart: {
      initial: 'stopping',
      states: {
        stopping: { ...stopPhase, onDone: 'starting' },
        starting: {
          ...startPhase,
          on: { changed: { target: RESTART, actions: 'beginAgain' } },
          onDone: '#child.started',
        },
        replacing: {
          ...startPhase,
          on: {
            changed: { target: 'replacing', reenter: true, actions: 'renew' },
            exited: {
              guard: 'isReplaced',
              target: 'starting',
              actions: ['renew', 'recordCrash', 'dropServing'],
            },
          },
          onDone: 'retiring',
        },
        retiring: {
          ...retirePhase,
          on: {
            changed: { actions: 'markOutdated' },
            exited: [
              { guard: 'isMeantToEnd', target: '#child.stopping', actions: 'recordReason' },
              {
                guard: 'crashesTooOften',
                target: '#child.faulted',
                actions: ['recordCrash', 'recordCrashLoop', 'dropServing'],
              },
              {
                guard: 'isLatest',
                target: 'starting',
                actions: ['beginAgain', 'recordCrash', 'dropServing'],
              },
            ],
          },
          onDone: [
            {
              guard: 'isOutdated',
              target: 'replacing',
              actions: ['clearPrevious', 'beginAgain', 'beginReplacement'],
            },
            { target: '#child.started', actions: 'clearPrevious' },
          ],
        },
      },
      on: { stop: { target: 'stopping', actions: 'recordReason' } },
    },
    faulted: {
      entry: 'recordFault',
      initial: 'killing',
      states: {
        killing: {
          invoke: {
            id: 'kill',
            src: 'kill',
            input: actorInput,
            onDone: { target: 'resting', actions: 'clear' },
            onError: { target: 'resting', actions: 'recordSurvivors' },
          },
          after: {
            killTimeout: [
              { guard: 'outlivesKill', target: 'resting', actions: 'recordSurvivors' },
              { target: 'killing', reenter: true },
            ],
          },
        },
        resting: {},
      },
      on: {
        start: { guard: 'isForgiven', target: 'starting', actions: 'begin' },
        stop: [
          { guard: 'holdsProcess', target: '#child.stopping.killing', actions: 'recordReason' },
          { target: 'stopped', actions: 'recordReason' },
        ],
        restart: { target: 'starting', actions: ['forgetCrashes', 'begin'] },
        changed: { target: RESTART, actions: ['forgetCrashes', 'beginAgain'] },
      },
    },
  },
})

/** Returns the public state that a state of the machine belongs to. */
export const publicState = (value: string | object): ChildState =>
  (typeof value === 'string' ? value : Object.keys(value)[0]) as ChildState
