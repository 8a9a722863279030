import type { ListenerOwners } from '../address/listener-owner.ts'
import { safeLog } from '../emitter.ts'
import { quoted, SpinnerError } from '../errors.ts'
import type { ManagedProcess } from '../process/managed-process.ts'
import type { Sys } from '../sys.ts'
import type { Address } from '../types/child.ts'
import type { ChildSettings } from '../types/options.ts'

const LAST_CHANCE_MS = 100
const UNFULFILLED =
  'it listens, but what `ready` asks for did not happen; mend that, or give it a longer `timeout`'

/**
 * The child was not ready in time. Looks where it listens instead, since that is the usual reason
 * (docs/hazards.md#h37).
 */
export async function notReadyError(
  { listenerOwners, sys }: { readonly listenerOwners: ListenerOwners; readonly sys: Sys },
  settings: ChildSettings,
  address: Address | null,
  process: ManagedProcess | null,
): Promise<SpinnerError> {
  const { listen, name, timeout } = settings
  // Whoever was held up himself has still to see what came in meanwhile.
  await sys.pause(LAST_CHANCE_MS)
  const ports = process && listen !== null ? await listenerOwners.portsOf(process.pid) : []
  const isBound =
    process !== null && typeof address === 'string' && (await owns(listenerOwners, address, process.pid))
  const output = process?.stderrTail ?? []
  const message = `'${name}' was not ready within ${timeout} s; ${hint(address, ports, isBound)}.${quoted(output)}`
  return new SpinnerError('ERR_SPINNER_NOT_READY', message, { child: name, output })
}

const owns = async (listenerOwners: ListenerOwners, socketPath: string, pid: number): Promise<boolean> =>
  (await listenerOwners.ownershipOf({ socketPath }, pid)) === 'ours'

function hint(address: Address | null, ports: readonly number[], isBound: boolean): string {
  if (address === null) return 'give it a longer `timeout`'
  if (isBound || ports.includes(address as number)) return UNFULFILLED
  if (ports.length > 0) return describeElsewhere(address, ports)
  return `it listens on no port, expected ${address}: let it listen on process.env.PORT, or give it a longer \`timeout\``
}

/** What starts in time is seldom slower; whoever has to mend something hears of it long before the start has failed. */
const LOOK_AFTER_MS = 5_000

/** A process that is not ready yet, and what to do when it listens elsewhere. */
export interface Misplaceable {
  readonly sys: Sys
  readonly listenerOwners: ListenerOwners
  readonly settings: ChildSettings
  readonly address: Address | null
  readonly process: ManagedProcess
  /** Told in words, when it listens on other ports than its own. */
  readonly onElsewhere: (said: string) => void
}

/** Tells once of a child that listens, but not where it was told to. Returns what ends that. */
export function reportElsewhere(candidate: Misplaceable): () => void {
  const { address, onElsewhere, listenerOwners, process, settings, sys } = candidate
  const { logger, name } = settings
  let isOver = false
  const look = async (): Promise<void> => {
    const ports = await listenerOwners.portsOf(process.pid)
    if (isOver || ports.length === 0 || ports.includes(address as number)) return
    const text = describeElsewhere(address as Address, ports)
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
export function describeElsewhere(address: Address, ports: readonly number[]): string {
  const where = `it listens on ${ports.join(', ')}, expected ${address}: let it listen on process.env.PORT`
  if (typeof address !== 'string') return where
  return `${where}, or, where it cannot take the path of a socket, give it \`listen: 'port'\` or its own port`
}
