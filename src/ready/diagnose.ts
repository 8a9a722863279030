import type { Owners } from '../address/listener-owner.ts'
import { quoted, SpinnerError } from '../errors.ts'
import type { ManagedProcess } from '../process/managed-process.ts'
import type { Sys } from '../sys.ts'
import type { Address } from '../types/child.ts'
import type { ChildSettings } from '../types/options.ts'
import { elsewhere } from './elsewhere.ts'

const LAST_CHANCE_MS = 100
const UNFULFILLED =
  'it listens, but what `ready` asks for did not happen; mend that, or give it a longer `timeout`'

/**
 * The child was not ready in time. Looks where it listens instead, since that is the usual reason
 * (docs/hazards.md#h37).
 */
export async function lateError(
  { owners, sys }: { readonly owners: Owners; readonly sys: Sys },
  settings: ChildSettings,
  address: Address | null,
  process: ManagedProcess | null,
): Promise<SpinnerError> {
  const { listen, name, timeout } = settings
  // Whoever was held up himself has still to see what came in meanwhile.
  await sys.pause(LAST_CHANCE_MS)
  const ports = process && listen !== null ? await owners.portsOf(process.pid) : []
  const isBound =
    process !== null && typeof address === 'string' && (await owns(owners, address, process.pid))
  const output = process?.lastWords ?? []
  const message = `'${name}' was not ready within ${timeout} s; ${hint(address, ports, isBound)}.${quoted(output)}`
  return new SpinnerError('ERR_SPINNER_NOT_READY', message, { child: name, output })
}

const owns = async (owners: Owners, socketPath: string, pid: number): Promise<boolean> =>
  (await owners.of({ socketPath }, pid)) === 'ours'

function hint(address: Address | null, ports: readonly number[], isBound: boolean): string {
  if (address === null) return 'give it a longer `timeout`'
  if (isBound || ports.includes(address as number)) return UNFULFILLED
  if (ports.length > 0) return elsewhere(address, ports)
  return `it listens on no port, expected ${address}: let it listen on process.env.PORT, or give it a longer \`timeout\``
}
