import type { Fault } from './fault.ts'

/** A fault that has more to say than how often it held. */
export interface Noted extends Fault {
  /** What all injections so far have shown, in one sentence; empty for nothing. */
  note(): string
}

export const noteOf = (fault: Fault): string => ('note' in fault ? (fault as Noted).note() : '')
