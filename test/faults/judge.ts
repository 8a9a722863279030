import { existsSync, readdirSync } from 'node:fs'
import path from 'node:path'
import type { StartOptions } from '../../src/types/options.ts'
import type { Scenario } from './scenarios.ts'
import type { Injection } from './seams.ts'
import { Broken, lives, World } from './world.ts'

export interface Verdict {
  /** True if the scenario made the call that should fail. */
  readonly reached: boolean
  /** Describes what did not hold; `null` if everything did. */
  readonly broken: string | null
  readonly calls: ReadonlyMap<string, number>
}

/** A faulted child refuses to start for less than this. */
const FAULT_TIMEOUT_S = 61

/** Runs a scenario in its own world in which one call fails, and checks the guarantees. */
export async function judge(scenario: Scenario, injection: Injection | null): Promise<Verdict> {
  const world = new World(injection)
  let broken: string | null = null
  try {
    await play(world, scenario, injection)
  } catch (thrown) {
    broken = thrown instanceof Broken ? thrown.message : String((thrown as Error)?.stack ?? thrown)
  }
  await world.destroy()
  return { reached: world.faulty.hits > 0, broken, calls: world.faulty.calls }
}

async function play(world: World, scenario: Scenario, injection: Injection | null): Promise<void> {
  const { afterFault, options = {}, run } = scenario
  const { runtimeDir } = options
  world.open(runtimeDir ? { ...options, runtimeDir: path.join(world.folder, runtimeDir) } : options)
  await run(world)
  world.faulty.lift()
  if (world.closing) await reopen(world)
  for (const options of world.children) await recover(world, afterFault ?? options, injection)
  await world.close()
  if (world.closing?.error) throw new Broken(`close() failed: ${world.closing.error}`)
  await mustBeEmpty(world)
}

/** Checks that the closed spinner left nothing or reported what it could not end. Then creates the next spinner. */
async function reopen(world: World): Promise<void> {
  if (world.closing?.error) world.endAll()
  await mustBeEmpty(world)
  world.open()
}

/** Checks that the same child starts again in the same spinner after the fault is lifted. */
async function recover(world: World, options: StartOptions, injection: Injection | null): Promise<void> {
  const { clock, spinner } = world
  const { name = '' } = options
  const isFaulted = spinner.get(name)?.state === 'faulted'
  const byHand = (injection?.index ?? 0) % 2 === 0
  if (isFaulted && !byHand) await clock.advance(FAULT_TIMEOUT_S)
  const child = spinner.start(options)
  const again = isFaulted && byHand ? spinner.restart(name) : child
  const { error } = await world.settle<unknown>(again, `the next start of '${name}'`)
  if (error) throw new Broken(`'${name}' does not start after the fault is lifted: ${(error as Error).stack}`)
  await world.mustServe(child)
}

/** Checks that nothing is left after `close()`. Timers, descriptors and files get a moment to disappear. */
async function mustBeEmpty(world: World): Promise<void> {
  const left = world.living()
  if (left.length > 0) throw new Broken(`alive after close(): ${left.join('; ')}`)
  const remains = (): string[] => remainsOf(world)
  await world
    .until(() => remains().length === 0, '')
    .catch(() => {
      throw new Broken(`left after close(): ${remains().join('; ')}`)
    })
}

function remainsOf({ clock, faulty, folder }: World): string[] {
  const { descriptors, folders, holds, pids, sockets, watchers } = faulty
  const named = path.join(folder, 'named')
  const files = existsSync(named) ? readdirSync(named) : []
  return [
    ...[...pids].filter(lives).map((pid) => `process ${pid}`),
    ...[...folders].filter((made) => existsSync(made)).map((made) => `folder ${made}`),
    ...files.map((file) => `file ${file}`),
    ...(clock.waiting > 0 ? [`${clock.waiting} timers`] : []),
    ...(holds > 0 ? [`${holds} holds of the host`] : []),
    ...(descriptors.size > 0 ? [`descriptors ${[...descriptors].join(', ')}`] : []),
    ...(watchers.size > 0 ? [`${watchers.size} watchers`] : []),
    ...(sockets.size > 0 ? [`${sockets.size} connections`] : []),
  ]
}
