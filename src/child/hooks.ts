import type { Evictable } from '../schedule/capacity.ts'
import type { Child, Exit, OutputStream } from '../types/child.ts'
import type { MachineEvent } from './machine/events.ts'

/** How the runtime and the processes of a child report to it. */
export interface ChildHooks {
  readonly child: Child & Evictable
  send(event: MachineEvent): void
  line(stream: OutputStream, line: string): void
  message(message: unknown): void
  exited(exit: Exit): void
  error(error: Error): void
}
