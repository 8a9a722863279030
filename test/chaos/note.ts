import type { Fault } from './fault.ts'

/** A fault that prints a sentence below the table. */
export interface FaultWithNote extends Fault {
  /** Returns a sentence about all injections so far; empty for none. */
  note(): string
}

export const noteOf = (fault: Fault): string => ('note' in fault ? (fault as FaultWithNote).note() : '')
