import type { Address, ChildState } from './events.ts'
import type { Logger } from './options.ts'

/** A transition as a line in the logger; `null` for those that say nothing new. */
export function narrate(
  to: ChildState,
  from: ChildState,
  about: { name: string; pid: number | null; address: Address | null; reason: string },
): { level: keyof Logger; line: string } | null {
  const { address, name, pid, reason } = about
  switch (to) {
    case 'started': {
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
