import type { ReferenceGate } from './reference-gate.ts'
import type { ReferenceProcess } from './reference-process.ts'
import type { ReferenceIntervals, ReferenceTime } from './reference-time.ts'
import type { SpawnFailure } from './world.ts'

/** The state that all children of the model share, including what the commands decide for them. */
export interface SharedState {
  readonly time: ReferenceTime
  readonly gate: ReferenceGate
  readonly intervals: ReferenceIntervals
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

/** An open question whether a child is ready. */
export interface Answerable {
  readonly child: string
  readonly answer: (code: 'FOREIGN_LISTENER' | null) => void
}
