import { portsOf } from '../address/owner.ts'
import { quoted, SpinnerError } from '../errors.ts'
import type { Address } from '../events.ts'
import type { ChildSettings } from '../options.ts'
import type { ManagedProcess } from '../process/spawn.ts'
import type { Sys } from '../sys.ts'

/** The child was not ready in time. Looks where it listens instead, since that is the usual reason (HAZARDS H37). */
export async function lateError(
  sys: Sys,
  settings: ChildSettings,
  address: Address | null,
  process: ManagedProcess | null,
): Promise<SpinnerError> {
  const { listen, name, timeout } = settings
  const ports = process && listen !== null ? await portsOf(sys, process.pid) : []
  const output = process?.lastWords ?? []
  const message = `'${name}' was not ready within ${timeout} s; ${hint(address, ports)}.${quoted(output)}`
  return new SpinnerError('ERR_SPINNER_NOT_READY', message, { child: name, output })
}

function hint(address: Address | null, ports: readonly number[]): string {
  if (address === null) return 'give it a longer `timeout`'
  const others = ports.filter((port) => port !== address)
  if (others.length > 0) {
    return `it listens on ${others.join(', ')}, expected ${address}: let it listen on process.env.PORT`
  }
  if (ports.length > 0)
    return 'it listens, but what `ready` asks for did not happen; mend that, or give it a longer `timeout`'
  return `it listens on no port, expected ${address}: let it listen on process.env.PORT, or give it a longer \`timeout\``
}
