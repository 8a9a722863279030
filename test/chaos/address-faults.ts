import { twoHostFaults } from './address-hosts.ts'
import { portFaults } from './address-ports.ts'
import { socketFaults } from './address-sockets.ts'
import type { Fault } from './fault.ts'

/** Faults of addresses: another process or another file is there, or the listener has exited. */
export const addressFaults: readonly Fault[] = [...portFaults, ...socketFaults, ...twoHostFaults]
