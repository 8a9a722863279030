import type { StartOptions } from '../../src/types/options.ts'
import type { Luck } from './fault.ts'
import type { Host } from './hosts.ts'
import { shuffled } from './luck.ts'
import { pause } from './processes.ts'

/** How long a host takes to spawn one more child, about. */
const SPAWN_MS = 20
/** How long it takes to load. */
const LOAD_MS = 150

/** Waits for any moment in the life of a host: before its first spawn, amid its starts, stops or restarts, or at rest. */
export async function someMoment(host: Host, luck: Luck, children: readonly StartOptions[]): Promise<void> {
  const names = children.map(({ name }) => name as string)
  const [moment, later, many] = [luck.random(), luck.random(), luck.int(1, names.length)]
  const some = shuffled(luck, names).slice(0, many)
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
