import type { StartOptions } from '../../src/types/options.ts'
import type { Rng } from './fault.ts'
import type { Host } from './hosts.ts'
import { pause } from './processes.ts'
import { shuffled } from './rng.ts'

/** Approximate time that a host takes to spawn one more child. */
const SPAWN_MS = 20
/** Approximate time that a host takes to load. */
const LOAD_MS = 150

/** Waits for a random moment: before the first spawn of a host, during its starts, stops or restarts, or at rest. */
export async function someMoment(host: Host, rng: Rng, children: readonly StartOptions[]): Promise<void> {
  const names = children.map(({ name }) => name as string)
  const [moment, later, many] = [rng.random(), rng.random(), rng.int(1, names.length)]
  const some = shuffled(rng, names).slice(0, many)
  const span = names.length * SPAWN_MS
  if (moment < 0.05) return pause(later * LOAD_MS)
  await host.begun
  if (moment < 0.6) return pause(later * span)
  await host.started
  if (moment < 0.7) return pause(later * span)
  if (moment < 0.85 || moment > 0.95) host.order('stop', some)
  if (moment > 0.85) host.order('restart', some.slice(0, Math.ceil(many / 2)))
  await pause(later * span)
}
