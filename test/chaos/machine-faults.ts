import type { Fault } from './fault.ts'
import { limitFaults } from './machine-limits.ts'
import { programFaults } from './machine-programs.ts'
import { timeFaults } from './machine-time.ts'

/** What the machine under a host runs out of, lacks or does to it, and children that give it too much to do. */
export const machineFaults: readonly Fault[] = [...limitFaults, ...programFaults, ...timeFaults]
