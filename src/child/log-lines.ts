import { firstLineOf } from '../errors.ts'
import type { Address, ChildState } from '../types/child.ts'
import type { Logger } from '../types/options.ts'

interface Told {
  readonly name: string
  readonly pid: number | null
  readonly address: Address | null
  readonly reason: string
  /** Why the old process was kept, when it was. */
  readonly kept: Error | null
}

/** A transition as a line in the logger; `null` for those that say nothing new. */
export function logLine(
  to: ChildState,
  from: ChildState,
  about: Told,
): { level: keyof Logger; line: string } | null {
  const { address, kept, name, pid, reason } = about
  switch (to) {
    case 'started': {
      if (kept) return { level: 'warn', line: `${name}: goes on with pid ${pid}: ${firstLineOf(kept)}` }
      const where = address === null ? '' : ` on ${address}`
      return {
        level: 'info',
        line: `${name}: ${from === 'restart' ? 'restarted' : 'started'}${where} (pid ${pid})`,
      }
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
