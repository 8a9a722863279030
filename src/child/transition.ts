import { firstLineOf, type SpinnerError } from '../errors.ts'
import type { Address, ChildState } from '../types/child.ts'
import type { ChildEvents } from '../types/events.ts'
import type { Logger } from '../types/options.ts'

/** A change of the public state, with what was true when it was complete. */
export interface Transition {
  readonly to: ChildState
  readonly from: ChildState
  readonly reason: string
  readonly address: Address | null
  /** Why the restart that ends here kept the old process; `null` if it did not. */
  readonly kept: SpinnerError | null
  /** Why a child is faulted; `null` in other states. */
  readonly failure: SpinnerError | null
}

/** An event of a child, with its arguments. */
export type ChildEvent = {
  [Event in keyof ChildEvents]: readonly [Event, ...Parameters<ChildEvents[Event]>]
}[keyof ChildEvents]

/** Returns the events that a transition announces, in order. */
export function eventsOf({ address, failure, from, kept, reason, to }: Transition): ChildEvent[] {
  const state: ChildEvent = ['state', to, from, reason]
  if (to === 'started')
    return kept ? [state] : [[from === 'restart' ? 'restarted' : 'started', address], state]
  if (failure) return [['faulted', failure], ['error', failure], state]
  return to === 'stopped' || from === 'stopping' ? [['stopped'], state] : [state]
}

/** Returns the log line of a transition; `null` for transitions that say nothing new. */
export function logLine(
  { address, from, kept, reason, to }: Transition,
  name: string,
  pid: number | null,
): { level: keyof Logger; line: string } | null {
  switch (to) {
    case 'started': {
      // The level is info, because the child also reports the error, as an event or as a log line.
      if (kept) return { level: 'info', line: `${name}: goes on with pid ${pid}: ${firstLineOf(kept)}` }
      const where = address === null ? '' : ` on ${address}`
      const what = from === 'restart' ? 'restarted' : 'started'
      return { level: 'info', line: `${name}: ${what}${where} (pid ${pid})` }
    }
    case 'restart':
      return { level: 'info', line: `${name}: restarts, because ${reason}` }
    case 'stopped':
      return { level: 'info', line: `${name}: stopped, because ${reason}` }
    case 'faulted':
      return { level: 'error', line: `${name}: faulted: ${reason}` }
    default:
      return null
  }
}
