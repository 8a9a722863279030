import type { Fault } from './fault.ts'
import { limitFaults } from './machine-limits.ts'
import { programFaults } from './machine-programs.ts'
import { timeFaults } from './machine-time.ts'

/** Faults of the machine: a resource or a program is missing, the host stands still, or a child overloads the host. */
export const machineFaults: readonly Fault[] = [...limitFaults, ...programFaults, ...timeFaults]
