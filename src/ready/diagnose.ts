import type { ListenerOwners } from '../address/listener-owner.ts'
import { safeLog } from '../emitter.ts'
import { quoted, SpinnerError } from '../errors.ts'
import type { ManagedProcess } from '../process/managed-process.ts'
import type { Sys } from '../sys.ts'
import type { Address } from '../types/child.ts'
import type { ChildSettings } from '../types/options.ts'
import type { Candidate } from './candidate.ts'

/** A host that was blocked until the timeout has events to read that may explain the failure. */
const LAST_LOOK_AFTER_MS = 100
const LISTENS_BUT_NOT_READY =
  'it listens, but the condition of `ready` was not met; fix that, or increase `timeout`'

/**
 * Creates the error of a child that was not ready in time. Names the ports on which it listens instead, because that is
 * the usual reason (docs/hazards.md#h37).
 */
export async function notReadyError(
  { listenerOwners, sys }: { readonly listenerOwners: ListenerOwners; readonly sys: Sys },
  settings: ChildSettings,
  address: Address | null,
  process: ManagedProcess | null,
): Promise<SpinnerError> {
  const { listen, name, timeout } = settings
  await sys.pause(LAST_LOOK_AFTER_MS)
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
  if (address === null) return 'increase `timeout`'
  if (isBound || ports.includes(address as number)) return LISTENS_BUT_NOT_READY
  if (ports.length > 0) return describeElsewhere(address, ports)
  return `it does not listen on a port, expected ${address}: make it listen on process.env.PORT, or increase \`timeout\``
}

/** Late enough that most children are ready before, and long before the default timeout of a start. */
const REPORT_AFTER_MS = 5_000

/** Reports once if the process listens, but not on the address it was given. Returns a function that cancels the report. */
export function reportElsewhere(candidate: Candidate): () => void {
  const { address, onElsewhere, listenerOwners, process, settings, sys } = candidate
  const { logger, name } = settings
  let isCancelled = false
  const look = async (): Promise<void> => {
    const ports = await listenerOwners.portsOf(process.pid)
    if (isCancelled || ports.length === 0 || ports.includes(address as number)) return
    const description = describeElsewhere(address as Address, ports)
    onElsewhere(description)
    safeLog(logger, 'warn', `${name}: is not ready yet: ${description}`)
  }
  const timer = sys.clock.setTimeout(() => void look(), REPORT_AFTER_MS)
  return () => {
    isCancelled = true
    sys.clock.clearTimeout(timer)
  }
}

/** Describes on which ports a process listens instead of its address, and the remedy. */
function describeElsewhere(address: Address, ports: readonly number[]): string {
  const remedy = `it listens on ${ports.join(', ')}, expected ${address}: make it listen on process.env.PORT`
  if (typeof address !== 'string') return remedy
  return `${remedy}, or, if it cannot listen on a socket path, set \`listen: 'port'\` or \`listen\` to its port`
}
