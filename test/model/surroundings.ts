import type { ReferenceGate } from './reference-gate.ts'
import type { ReferenceProcess } from './reference-process.ts'
import type { ReferenceRounds, ReferenceTime } from './reference-time.ts'
import type { SpawnFailure } from './world.ts'

/** What all children of the model share, and what the commands decide for them. */
export interface Surroundings {
  readonly time: ReferenceTime
  readonly gate: ReferenceGate
  readonly rounds: ReferenceRounds
  readonly random: number
  readonly sick: ReadonlySet<string>
  readonly files: ReadonlyMap<string, number>
  readonly failures: Map<string, SpawnFailure[]>
  readonly spawns: string[]
  readonly processes: (ReferenceProcess | null)[]
  readonly allocations: ((address: number | null) => void)[]
  readonly readies: Answerable[]
  readonly spawnErrors: Map<number, () => void>
  readonly released: unknown[]
  pidOfNext(): number
}

/** A child that waits to learn whether it is ready. */
export interface Answerable {
  readonly child: string
  readonly answer: (code: 'FOREIGN_LISTENER' | null) => void
}
