import type { Address } from '../events.ts'
import { type Listener, parseTcp, parseUnix, readStats, socketsOf } from '../process/procfs.ts'
import type { Sys } from '../sys.ts'

/** Whose socket it is that listens on an address. `unknown`: this system does not let us look. */
export type Owner = 'ours' | 'foreign' | 'nobody' | 'unknown'

/**
 * Whether the process that listens on `address` belongs to the group of `pgid` or descends from it. Something that
 * merely answers may be anybody (HAZARDS H34).
 */
export async function ownerOf(sys: Sys, address: Address, pgid: number): Promise<Owner> {
  if (sys.platform !== 'linux') return 'unknown'
  try {
    const inodes = await listeningInodes(sys, address)
    if (inodes.length === 0) return 'nobody'
    const holds = (pid: number): boolean => {
      const held = socketsOf(sys, pid)
      return inodes.some((inode) => held.has(inode))
    }
    if (holds(pgid)) return 'ours'
    return familyOf(sys, pgid).some(holds) ? 'ours' : 'foreign'
  } catch {
    return 'unknown'
  }
}

/** Ports on which the group of `pgid`, or a descendant, does listen. */
export async function portsOf(sys: Sys, pgid: number): Promise<number[]> {
  if (sys.platform !== 'linux') return []
  try {
    const held = new Set([pgid, ...familyOf(sys, pgid)].flatMap((pid) => [...socketsOf(sys, pid)]))
    const ports = (await tcpListeners(sys)).filter(({ inode }) => held.has(inode)).map(({ port }) => port)
    return [...new Set(ports)].sort((a, b) => a - b)
  } catch {
    return []
  }
}

async function listeningInodes(sys: Sys, address: Address): Promise<string[]> {
  if (typeof address === 'string')
    return parseUnix(await sys.fs.promises.readFile('/proc/net/unix', 'utf8'), address)
  const ofPort = (listener: Listener): boolean => listener.port === address && reachable(listener.host)
  return (await tcpListeners(sys)).filter(ofPort).map(({ inode }) => inode)
}

/** What a connection to the loopback addresses can reach. */
const reachable = (host: string): boolean =>
  ['127.0.0.1', '0.0.0.0', '::', '::1'].includes(host) || host.endsWith(':7f00:0001')

/** The kernel walks its whole table for each read, so both files are read at once, off the event loop. */
async function tcpListeners(sys: Sys): Promise<Listener[]> {
  const read = (file: string): Promise<string> => sys.fs.promises.readFile(file, 'latin1').catch(() => '')
  const [four, six] = await Promise.all([read('/proc/net/tcp'), read('/proc/net/tcp6')])
  return [...parseTcp(four), ...parseTcp(six)]
}

function familyOf(sys: Sys, pgid: number): number[] {
  const stats = readStats(sys)
  const family = new Set([pgid])
  for (let size = 0; size !== family.size; ) {
    size = family.size
    for (const stat of stats) if (stat.pgrp === pgid || family.has(stat.ppid)) family.add(stat.pid)
  }
  family.delete(pgid)
  return [...family]
}
