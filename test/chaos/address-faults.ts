import { twoHostFaults } from './address-hosts.ts'
import { portFaults } from './address-ports.ts'
import { socketFaults } from './address-sockets.ts'
import type { Fault } from './fault.ts'

/** What goes wrong with addresses: somebody else is there, or something else, or nobody any more. */
export const addressFaults: readonly Fault[] = [...portFaults, ...socketFaults, ...twoHostFaults]
