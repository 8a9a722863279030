import { readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import type { AnyMachineSnapshot, EventObject } from 'xstate'
import { getNextTransitions, initialTransition, transition } from 'xstate'
import { NO_HISTORY } from '../../../src/child/info.ts'
import { childMachine, publicState } from '../../../src/child/machine/machine.ts'
import type { ChildRuntime } from '../../../src/child/runtime.ts'
import { SpinnerError } from '../../../src/errors.ts'
import { completeSettings } from '../../../src/options/normalise.ts'
import type { ChildState } from '../../../src/types/child.ts'
import type { ChildSettings } from '../../../src/types/options.ts'

type Column = 'start' | 'stop' | 'restart' | 'gone' | 'changed' | 'unhealthy' | 'idle' | 'deadline'
type Table = Record<ChildState, Record<Column, { to: ChildState[]; says: string }>>

const TABLE: Table = JSON.parse(
  readFileSync(path.join(import.meta.dirname, '../../golden/table.json'), 'utf8'),
)
const PID = 7
const STALE = 99
const error = new SpinnerError('ERR_SPINNER_EXITED', 'it ended')

/** What makes guards answer one way or the other. */
const VARIANTS: Partial<ChildSettings>[] = [
  {},
  { attempts: 1, maxRestarts: 0, faultTimeout: 0 },
  { attempts: 2, maxRestarts: 3, restart: 'never' },
  { attempts: 2, maxRestarts: 1, restartOrder: 'start-first' },
]

/** What actions call and expect nothing of. */
const CALLS = ['gone', 'release', 'spared', 'cleared', 'confirm', 'lingers']
const CALLS_OF_ATTEMPTS = ['setAside', 'keep', 'promote', 'fallBack', 'abandon', 'linger', 'retired']

function resources(changes: Partial<ChildSettings>, hasPlugins: boolean): ChildRuntime {
  const settings = { ...completeSettings({ name: 'a', given: {}, signal: undefined }, {}), ...changes }
  const callable = (calls: string[]): object => Object.fromEntries(calls.map((call) => [call, () => {}]))
  const stub = {
    settings,
    hasPlugins: () => hasPlugins,
    classify: () => ({ error, kind: 'child' }),
    stillAlive: () => error,
    canReplace: () => settings.restartOrder === 'start-first',
    canKeep: () => true,
    mustLeave: () => false,
    settingsInForce: settings,
    slots: {
      hold: false,
      canFallBack: true,
      graceLeft: () => 0,
      outliveKill: () => true,
      ...callable(CALLS_OF_ATTEMPTS),
    },
    ...callable(CALLS),
  }
  return stub as unknown as ChildRuntime
}

/** The events that a configuration answers to, with payloads, by the column that they stand for. */
function eventsOf(snapshot: AnyMachineSnapshot): { column: Column; event: EventObject }[] {
  const exit = { code: 1, signal: null }
  const outside = [
    { type: 'start' },
    { type: 'stop', reason: 'x' },
    { type: 'restart', reason: 'x' },
    { type: 'changed', file: 'x' },
    { type: 'unhealthy', reason: 'x' },
    { type: 'idle', reason: 'x' },
  ].map((event) => ({ column: event.type as Column, event }))
  const gone = [PID, PID + 1, STALE].map((pid) => ({ type: 'exited', pid, exit, error }))
  const inner = [...new Set(getNextTransitions(snapshot).map(({ eventType }) => eventType))]
    .filter((type) => type.startsWith('xstate.') && !type.startsWith('xstate.done.state'))
    .map((type) => ({ type, output: newPid(snapshot), error }))
  return [
    ...outside,
    ...gone.map((event) => ({ column: 'gone' as const, event })),
    ...inner.map((event) => ({ column: columnOf(event.type), event })),
  ]
}

/** What a spawn gives: two processes of a child never have the same number. */
const newPid = ({ context: { incumbent } }: AnyMachineSnapshot): number => (incumbent === PID ? PID + 1 : PID)

/** An actor's report belongs to the column of what it waits for. */
const columnOf = (type: string): Column =>
  type.includes('.after.') || type.endsWith('error.actor.kill') ? 'deadline' : 'gone'

interface Step {
  readonly from: ChildState
  readonly column: Column
  readonly event: string
  readonly to: ChildState
  readonly snapshot: AnyMachineSnapshot
}

/** Every step that the machine can take, walked to the end without running anything. */
function walk(
  changes: Partial<ChildSettings>,
  hasPlugins: boolean,
): { steps: Step[]; snapshots: AnyMachineSnapshot[] } {
  const input = {
    runtime: resources(changes, hasPlugins),
    history: NO_HISTORY,
    now: () => 1_000_000,
    random: () => 0.5,
  }
  const [first] = initialTransition(childMachine, input)
  const seen = new Map<string, AnyMachineSnapshot>()
  const steps: Step[] = []
  const queue: AnyMachineSnapshot[] = [first]
  for (let snapshot = queue.shift(); snapshot; snapshot = queue.shift()) {
    const key = keyOf(snapshot)
    if (seen.has(key)) continue
    seen.set(key, snapshot)
    for (const { column, event } of eventsOf(snapshot)) {
      const [next] = transition(childMachine, snapshot as never, event as never)
      const step = { column, event: event.type, snapshot: next as AnyMachineSnapshot }
      steps.push({ ...step, from: publicState(snapshot.value), to: publicState(next.value) })
      queue.push(next as AnyMachineSnapshot)
    }
  }
  return { steps, snapshots: [...seen.values()] }
}

function keyOf({ value, context }: AnyMachineSnapshot): string {
  const { pid, serving, queued, failed, failure, crashes, unhealthy, incumbent, retiree, outdated } = context
  // With options that stay, more crashes than these tell nothing new.
  const counted = Math.min(crashes.length, context.settings.maxRestarts + 1)
  const two = [incumbent, retiree, outdated]
  const told = [value, pid, serving, queued, failed, failure, counted, unhealthy.length, two]
  return JSON.stringify(told)
}

const walks = VARIANTS.flatMap((changes) => [walk(changes, false), walk(changes, true)])
const allSteps = walks.flatMap(({ steps }) => steps)

describe('the machine and the golden table agree', () => {
  for (const [state, row] of Object.entries(TABLE) as [ChildState, Table[ChildState]][]) {
    for (const [column, cell] of Object.entries(row) as [Column, Table[ChildState][Column]][]) {
      test(`${state}: ${column}: ${cell.says}`, () => {
        const here = allSteps.filter((step) => step.from === state && step.column === column)
        const reached = new Set(
          here.map((step) => step.to).filter((to) => to !== state && !isArrival(state, to)),
        )
        expect([...reached].sort()).toEqual([...cell.to].sort())
      })
    }
  }
})

/** Readiness is no column of its own: it ends both kinds of start. */
const isArrival = (from: ChildState, to: ChildState): boolean =>
  to === 'started' && (from === 'starting' || from === 'restart')

test('every state of the machine is reached, and none is ever in error', () => {
  const reached = new Set(
    walks.flatMap(({ snapshots }) => snapshots.flatMap((snapshot) => pathsOf(snapshot.value))),
  )
  const all = pathsIn(childMachine.root)
  expect(all.filter((state) => !reached.has(state) && !PASSED.has(state.split('.').at(-1) ?? ''))).toEqual([])
  for (const { snapshots } of walks) {
    for (const snapshot of snapshots) expect(snapshot.status).toBe('active')
  }
})

/** States that are left in the step in which they are entered. */
const PASSED = new Set(['arrived', 'left', 'choosing'])

interface Node {
  readonly states: Record<string, Node>
}

const pathsIn = (node: Node, prefix = ''): string[] =>
  Object.entries(node.states).flatMap(([key, inner]) => [prefix + key, ...pathsIn(inner, `${prefix}${key}.`)])

const pathsOf = (value: unknown, prefix = ''): string[] =>
  typeof value === 'string'
    ? [prefix + value]
    : Object.entries(value as object).flatMap(([key, inner]) => [
        prefix + key,
        ...pathsOf(inner, `${prefix}${key}.`),
      ])

test('a stale exit, of a process that is not the present one, moves nothing', () => {
  for (const { snapshots } of walks) {
    for (const snapshot of snapshots) {
      const event = { type: 'exited', pid: STALE, exit: { code: 1, signal: null }, error } as const
      const [next] = transition(childMachine, snapshot as never, event)
      expect(next.value).toEqual(snapshot.value)
    }
  }
})
