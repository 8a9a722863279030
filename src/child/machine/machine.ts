import type { ChildState } from '../../types/child.ts'
import { actorInput, NEW_START, NO_PROCESS } from './context.ts'
import { machineSetup } from './names.ts'
import { retirePhase, startPhase, stopPhase } from './phases.ts'

const RESTART = '#child.restart.leaving'
/** With `start-first` the new process comes before the old one goes. */
const RESTARTS = [
  { guard: 'canReplace', target: '#child.restart.replacing', actions: ['beginAgain', 'setAside'] },
  { target: RESTART, actions: 'beginAgain' },
] as const

/**
 * @internal The table of `docs/states.md`. It decides, by name; what the names do is above, in `failures.ts` and in the
 * actors.
 */
export const childMachine = machineSetup.createMachine({
  id: 'child',
  context: ({ input: { history, ...input } }) => ({
    ...input,
    ...NEW_START,
    settings: input.runtime.settings,
    ...NO_PROCESS,
    serving: false,
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
      ...startPhase,
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
        restart: RESTARTS,
        exited: [
          { guard: 'isMeantToEnd', target: 'stopping', actions: 'explainStop' },
          { guard: 'crashesTooOften', target: 'faulted', actions: ['recordCrash', 'giveUp'] },
          {
            guard: 'isOurs',
            target: '#child.restart.arriving',
            actions: ['beginAgain', 'recordCrash'],
          },
        ],
        changed: RESTARTS,
        unhealthy: [
          { guard: 'isPastCheckBudget', actions: 'spareUnhealthy' },
          {
            guard: 'canReplace',
            target: '#child.restart.replacing',
            actions: ['beginAgain', 'recordUnhealthy', 'setAside'],
          },
          { target: RESTART, actions: ['beginAgain', 'recordUnhealthy'] },
        ],
        idle: { target: 'stopping', actions: 'explainStop' },
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
      initial: 'leaving',
      states: {
        leaving: { ...stopPhase, onDone: 'arriving' },
        arriving: {
          ...startPhase,
          on: { changed: { target: RESTART, actions: 'beginAgain' } },
          onDone: '#child.started',
        },
        replacing: {
          ...startPhase,
          on: {
            changed: { target: 'replacing', reenter: true, actions: 'renew' },
            exited: { guard: 'isIncumbent', target: 'arriving', actions: ['renew', 'recordCrash', 'lose'] },
          },
          onDone: 'retiring',
        },
        retiring: {
          ...retirePhase,
          on: {
            changed: { actions: 'outdate' },
            exited: [
              { guard: 'isMeantToEnd', target: '#child.stopping', actions: 'explainStop' },
              {
                guard: 'crashesTooOften',
                target: '#child.faulted',
                actions: ['recordCrash', 'giveUp', 'lose'],
              },
              { guard: 'isOurs', target: 'arriving', actions: ['beginAgain', 'recordCrash', 'lose'] },
            ],
          },
          onDone: [
            { guard: 'isOutdated', target: 'replacing', actions: ['retired', 'beginAgain', 'setAside'] },
            { target: '#child.started', actions: 'retired' },
          ],
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
            input: actorInput,
            onDone: { target: 'resting', actions: 'gone' },
            onError: { target: 'resting', actions: 'stillAlive' },
          },
          after: {
            killTimeout: [
              { guard: 'outlivesKill', target: 'resting', actions: 'stillAlive' },
              { target: 'clearing', reenter: true },
            ],
          },
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
