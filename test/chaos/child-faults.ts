import { callFaults } from './child-calls.ts'
import { crashFaults } from './child-crashes.ts'
import { replacementFaults } from './child-replacements.ts'
import { stopFaults } from './child-stops.ts'
import type { Fault } from './fault.ts'

/** What goes wrong with children: how they end, how they do not, and what is asked of them at once. */
export const childFaults: readonly Fault[] = [
  ...crashFaults,
  ...stopFaults,
  ...callFaults,
  ...replacementFaults,
]
