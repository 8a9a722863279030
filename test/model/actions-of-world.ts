import type { Actions, Of } from './actions.ts'
import type { Life } from './life.ts'
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

/** More changes in a row would be a storm, which is held back: test/monitor/throttle.test.ts. */
const CHANGES_IN_A_ROW = 3
const CHANGES_WINDOW_MS = 14_000

/** What the world does, and what decides how it will answer. */
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
    const at = processOf(stage, child, oldest, ({ life }) => life.leader)
    for (const { life } of both(stage, at)) {
      life.grandchild = leaves
      life.die(typeof end === 'number' ? { code: end, signal: null } : { code: null, signal: end })
    }
  },

  ignore(stage, { child, oldest, what }) {
    for (const { life } of both(
      stage,
      processOf(stage, child, oldest, ({ life }) => life.group),
    )) {
      life.ignoresTerm = true
      life.unkillable ||= what === 'SIGKILL'
    }
  },

  letGo(stage, { child, oldest }) {
    for (const { life } of both(
      stage,
      processOf(stage, child, oldest, ({ life }) => life.group),
    ))
      life.release()
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
    if (it) it.holdings.isThere = false
  },

  listenersThrow(stage, { how }) {
    stage.throwing = how
  },
}

/** Whoever asked first, or last, whether its child is ready learns it. */
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

/** The place of the last process of a child, or of the oldest that is of such a kind; -1 when that is not of such a kind. */
function processOf(
  stage: Stage,
  child: number,
  oldest: boolean | undefined,
  isSuch: (process: { life: Life }) => boolean,
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

/** A process as it is, and as the model keeps it. */
function both(stage: Stage, at: number): { life: Life }[] {
  const pair = [stage.world.processes[at], stage.reference.processes[at]]
  return pair.filter((process) => process !== undefined && process !== null)
}

function flip(name: string, ...sets: Set<string>[]): void {
  for (const set of sets) if (!set.delete(name)) set.add(name)
}
