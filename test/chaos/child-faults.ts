import { callFaults } from './child-calls.ts'
import { crashFaults } from './child-crashes.ts'
import { replacementFaults } from './child-replacements.ts'
import { stopFaults } from './child-stops.ts'
import type { Fault } from './fault.ts'

/** Faults of children: crashes, children that are hard to stop, simultaneous calls, and replacements. */
export const childFaults: readonly Fault[] = [
  ...crashFaults,
  ...stopFaults,
  ...callFaults,
  ...replacementFaults,
]
