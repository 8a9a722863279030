import { firstLineOf, type SpinnerError } from '../../errors.ts'
import type { Exit } from '../../types/child.ts'

/** Everything that can happen to a child from outside its machine. */
export type MachineEvent =
  | { type: 'start' }
  | { type: 'stop'; reason: string }
  | { type: 'restart'; reason: string }
  | { type: 'exited'; pid: number; exit: Exit; error: SpinnerError }
  | { type: 'changed'; file: string }
  | { type: 'unhealthy'; reason: string }
  | { type: 'idle'; reason: string }
  | { type: 'late'; error: unknown }
  | { type: 'broken'; error: SpinnerError }

/** Returns the reason for a transition in the words that `ChildInfo.reason` and the `state` event carry. */
export function reasonOf(event: MachineEvent): string {
  if (event.type === 'exited') return firstLineOf(event.error)
  if (event.type === 'changed') return `a file changed: ${event.file}`
  return 'reason' in event ? event.reason : 'it was asked for'
}
