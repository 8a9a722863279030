import type { Owners } from '../address/listener-owner.ts'
import { safeLog } from '../emitter.ts'
import type { ManagedProcess } from '../process/managed-process.ts'
import type { Sys } from '../sys.ts'
import type { Address } from '../types/child.ts'
import type { ChildSettings } from '../types/options.ts'

/** What starts in time is seldom slower; whoever has to mend something hears of it long before the start has failed. */
const LOOK_AFTER_MS = 5_000

/** A process that is not ready yet, and what to do when it listens elsewhere. */
export interface Misplaceable {
  readonly sys: Sys
  readonly owners: Owners
  readonly settings: ChildSettings
  readonly address: Address | null
  readonly process: ManagedProcess
  /** Told in words, when it listens on other ports than its own. */
  readonly onElsewhere: (said: string) => void
}

/** Tells once of a child that listens, but not where it was told to. Returns what ends that. */
export function tellOfElsewhere(candidate: Misplaceable): () => void {
  const { address, onElsewhere, owners, process, settings, sys } = candidate
  const { logger, name } = settings
  let isOver = false
  const look = async (): Promise<void> => {
    const ports = await owners.portsOf(process.pid)
    if (isOver || ports.length === 0 || ports.includes(address as number)) return
    const text = elsewhere(address as Address, ports)
    onElsewhere(text)
    safeLog(logger, 'warn', `${name}: is not ready yet: ${text}`)
  }
  const timer = sys.clock.setTimeout(() => void look(), LOOK_AFTER_MS)
  return () => {
    isOver = true
    sys.clock.clearTimeout(timer)
  }
}

/** Where it listens instead, and what helps. */
export function elsewhere(address: Address, ports: readonly number[]): string {
  const where = `it listens on ${ports.join(', ')}, expected ${address}: let it listen on process.env.PORT`
  if (typeof address !== 'string') return where
  return `${where}, or, where it cannot take the path of a socket, give it \`listen: 'port'\` or its own port`
}
