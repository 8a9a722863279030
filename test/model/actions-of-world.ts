import type { Actions, Of } from './actions.ts'
import type { GroupState } from './group-state.ts'
import type { SimulatedProcess } from './simulated-process.ts'
import type { Stage } from './stage.ts'
import { foreign } from './world.ts'

type ByWorld =
  | 'change'
  | 'bind'
  | 'bindForeign'
  | 'crash'
  | 'ignore'
  | 'letGo'
  | 'spawnFails'
  | 'refuseAddress'
  | 'takeSocket'
  | 'sicken'
  | 'listenersThrow'

/** spinner throttles more changes than this in a row; test/monitor/throttle.test.ts tests that. */
const CHANGES_IN_A_ROW = 3
const CHANGES_WINDOW_MS = 14_000

/** The events of the outside world, and the settings that decide how it answers. */
export const byWorld: Actions<ByWorld> = {
  change(stage, { child }) {
    const name = stage.nameOf(child)
    const { now } = stage.reference.time
    const recent = stage.changes.filter(
      (change) => change.name === name && now - change.at < CHANGES_WINDOW_MS,
    )
    if (recent.length >= CHANGES_IN_A_ROW) return
    stage.changes.push({ name, at: now })
    const version = (stage.reference.files.get(name) ?? 0) + 1
    stage.world.files.set(stage.fileOf(child), version)
    stage.reference.files.set(name, version)
  },

  bind: (stage, command) => answer(stage, command, null),
  bindForeign: (stage, command) => answer(stage, command, 'FOREIGN_LISTENER'),

  crash(stage, { child, end, leaves, oldest }) {
    const at = processOf(stage, child, oldest, ({ groupState }) => groupState.leader)
    for (const { groupState } of both(stage, at)) {
      groupState.grandchild = leaves
      groupState.die(typeof end === 'number' ? { code: end, signal: null } : { code: null, signal: end })
    }
  },

  ignore(stage, { child, oldest, what }) {
    for (const { groupState } of both(
      stage,
      processOf(stage, child, oldest, ({ groupState }) => groupState.group),
    )) {
      groupState.ignoresTerm = true
      groupState.unkillable ||= what === 'SIGKILL'
    }
  },

  letGo(stage, { child, oldest }) {
    for (const { groupState } of both(
      stage,
      processOf(stage, child, oldest, ({ groupState }) => groupState.group),
    ))
      groupState.release()
  },

  spawnFails(stage, { child, errno, sync }) {
    const name = stage.nameOf(child)
    for (const { failures } of [stage.world, stage.reference])
      failures.set(name, [...(failures.get(name) ?? []), { errno, sync }])
  },

  refuseAddress: (stage, { child }) => flip(stage.nameOf(child), stage.world.refusesAddress),
  sicken: (stage, { child }) => flip(stage.nameOf(child), stage.world.sick, stage.reference.sick),

  takeSocket(stage, { child }) {
    const name = stage.nameOf(child)
    const address = stage.spinner.child(name)?.address
    if (typeof address !== 'string') return
    stage.world.sockets.take(address)
    const it = stage.reference.children.get(name)
    if (it) it.holdings.socketExists = false
  },

  listenersThrow(stage, { how }) {
    stage.throwing = how
  },
}

/** Answers the first or the last open question whether the child is ready, in the product and in the model. */
function answer(stage: Stage, command: Of<'bind' | 'bindForeign'>, code: 'FOREIGN_LISTENER' | null): void {
  const name = stage.nameOf(command.child)
  const asked = stage.world.readies.map(({ child }) => child)
  const at = command.oldest ? asked.indexOf(name) : asked.lastIndexOf(name)
  if (at < 0) return
  if (code === null) stage.world.answerReady(at)
  else stage.world.readies.splice(at, 1)[0]?.refuse(foreign())
  const [predicted] = stage.reference.readies.splice(at, 1)
  if (predicted) stage.reference.time.soon(() => predicted.answer(code))
}

/** Returns the index of the oldest process of a child for which `isSuch` is true, or of the last one; -1 if none fits. */
function processOf(
  stage: Stage,
  child: number,
  oldest: boolean | undefined,
  isSuch: (process: { groupState: GroupState }) => boolean,
): number {
  const name = stage.nameOf(child)
  const { processes } = stage.world
  const isOfChild = (process: SimulatedProcess): boolean =>
    process.child === name && process.pid !== undefined
  if (oldest) return processes.findIndex((process) => isOfChild(process) && isSuch(process))
  const at = processes.findLastIndex(isOfChild)
  const process = processes[at]
  return process && isSuch(process) ? at : -1
}

/** Returns the simulated process and the process of the model. */
function both(stage: Stage, at: number): { groupState: GroupState }[] {
  const pair = [stage.world.processes[at], stage.reference.processes[at]]
  return pair.filter((process) => process !== undefined && process !== null)
}

function flip(name: string, ...sets: Set<string>[]): void {
  for (const set of sets) if (!set.delete(name)) set.add(name)
}
