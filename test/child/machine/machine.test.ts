import { readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import type { AnyMachineSnapshot, EventObject, ExecutableActionsFrom } from 'xstate'
import { getNextTransitions, initialTransition, transition } from 'xstate'
import { NO_HISTORY } from '../../../src/child/info.ts'
import type { Launch } from '../../../src/child/launch.ts'
import { childMachine, publicState } from '../../../src/child/machine/machine.ts'
import { ProcessSlots } from '../../../src/child/process-slots.ts'
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

/** Launches by pid, so that a process is the same object on every path that the walk takes. */
const launches = new Map<number, Launch>()

function launched(pid: number, settings: ChildSettings): Launch {
  const known = launches.get(pid)
  if (known) return Object.assign(known, { settings })
  const process = {
    pid,
    exit: null,
    signalledAt: 0,
    outlivesKill: () => true,
    whenGone: () => new Promise(() => {}),
  }
  const launch = { pid, settings, process, isServing: true, startServing() {}, stopServing() {} }
  launches.set(pid, launch as unknown as Launch)
  return launch as unknown as Launch
}

/** Methods that actions call without expecting anything. */
const CALLS = ['release', 'reportFailure', 'ignoreUnhealthy', 'leavePreviousBehind']

/** A runtime that holds real slots and does nothing. */
function runtimeWith(changes: Partial<ChildSettings>, hasPlugins: boolean): ChildRuntime {
  const settings = { ...completeSettings({ name: 'a', given: {}, signal: undefined }, {}), ...changes }
  const runtime = {
    settings,
    settingsInForce: settings,
    slots: new ProcessSlots(),
    allocation: { commit: () => {} },
    helpers: { outlivesKill: () => true },
    hasPlugins: () => hasPlugins,
    classify: () => ({ error, kind: 'child' }),
    survivorsError: () => error,
    canReplace: () => settings.restartOrder === 'start-first',
    canKeepCurrent: () => runtime.slots.isReplacing,
    mustStopFirst: () => false,
    clear: () => runtime.slots.clear(),
    clearFailed: () => (runtime.slots.isReplacing ? runtime.slots.clearNext() : runtime.slots.clear()),
    ...Object.fromEntries(CALLS.map((call) => [call, () => {}])),
  }
  return runtime as unknown as ChildRuntime
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
    .map((type) => ({ type, output: undefined, error }))
  return [
    ...outside,
    ...gone.map((event) => ({ column: 'gone' as const, event })),
    ...inner.map((event) => ({ column: columnOf(event.type), event })),
  ]
}

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

/** A state of the machine, and which process is which in it. */
interface Place {
  readonly snapshot: AnyMachineSnapshot
  readonly slots: ProcessSlots
}

const copyOf = (slots: ProcessSlots): ProcessSlots => {
  const { current, isReplacing, leftovers, next, previous } = slots
  const copy = Object.assign(new ProcessSlots(), { current, isReplacing, next, previous })
  for (const launch of leftovers) copy.leftovers.add(launch)
  return copy
}

/** Takes one step: the machine decides, then its effects on the slots are run. */
function take(
  { snapshot, slots }: Place,
  event: EventObject,
  runtime: { slots: ProcessSlots; settings: ChildSettings },
): Place {
  runtime.slots = copyOf(slots)
  if (event.type === 'xstate.done.actor.launch') {
    // Two processes of a child never have the same number.
    const pid = runtime.slots.isReplacing && runtime.slots.current?.pid === PID ? PID + 1 : PID
    runtime.slots.place(launched(pid, runtime.settings))
  }
  const [next, actions] = transition(childMachine, snapshot as never, event as never)
  run(actions)
  return { snapshot: next as AnyMachineSnapshot, slots: runtime.slots }
}

/** Runs the effects of a step; what xstate itself would do, such as starting an actor, is left out. */
function run(actions: readonly ExecutableActionsFrom<typeof childMachine>[]): void {
  for (const action of actions as readonly {
    type: string
    exec?: unknown
    info: unknown
    params: unknown
  }[]) {
    if (typeof action.exec === 'function' && !action.type.startsWith('xstate.'))
      action.exec(action.info, action.params)
  }
}

/** Every step that the machine can take, walked to the end without running any process. */
function walk(changes: Partial<ChildSettings>, hasPlugins: boolean): { steps: Step[]; places: Place[] } {
  const runtime = runtimeWith(changes, hasPlugins)
  const input = { runtime, history: NO_HISTORY, now: () => 1_000_000, random: () => 0.5 }
  const [first] = initialTransition(childMachine, input)
  const seen = new Map<string, Place>()
  const steps: Step[] = []
  const queue: Place[] = [{ snapshot: first, slots: new ProcessSlots() }]
  for (let place = queue.shift(); place; place = queue.shift()) {
    const key = keyOf(place)
    if (seen.has(key)) continue
    seen.set(key, place)
    const { snapshot } = place
    for (const { column, event } of eventsOf(snapshot)) {
      const next = take(place, event, runtime as never)
      const to = publicState(next.snapshot.value)
      steps.push({
        column,
        event: event.type,
        snapshot: next.snapshot,
        from: publicState(snapshot.value),
        to,
      })
      queue.push(next)
    }
  }
  return { steps, places: [...seen.values()] }
}

function keyOf({ snapshot: { value, context }, slots }: Place): string {
  const { queued, failed, failure, crashes, unhealthy, outdated } = context
  // With options that stay, more crashes than these tell nothing new.
  const counted = Math.min(crashes.length, context.settings.maxRestarts + 1)
  // Which process is which matters, and not their numbers.
  const filled = [slots.current, slots.next, slots.previous].map((launch) => launch !== null)
  const hasLeft = slots.leftovers.size > 0
  return JSON.stringify([
    value,
    queued,
    failed,
    failure,
    counted,
    unhealthy.length,
    outdated,
    filled,
    hasLeft,
    slots.isReplacing,
  ])
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
    walks.flatMap(({ places }) => places.flatMap(({ snapshot }) => pathsOf(snapshot.value))),
  )
  const all = pathsIn(childMachine.root)
  expect(all.filter((state) => !reached.has(state) && !PASSED.has(state.split('.').at(-1) ?? ''))).toEqual([])
  for (const { places } of walks) {
    for (const { snapshot } of places) expect(snapshot.status).toBe('active')
  }
})

/** States that are left in the step in which they are entered. */
const PASSED = new Set(['done', 'choosing'])

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
  const runtime = runtimeWith({}, true)
  for (const { places } of walks) {
    for (const place of places) {
      const event = { type: 'exited', pid: STALE, exit: { code: 1, signal: null }, error } as const
      expect(take(place, event, runtime as never).snapshot.value).toEqual(place.snapshot.value)
    }
  }
})
