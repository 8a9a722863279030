import { codeOf } from '../errors.ts'
import { ProcessTrees } from '../linux/process-tree.ts'
import { parseUnix, readStats, seesProcesses, socketsOf } from '../linux/processes.ts'
import { SocketTables } from '../linux/sockets.ts'
import type { Sys } from '../sys.ts'
import type { Target } from '../types/child.ts'

/** Owner of the socket that listens on an address. `unknown`: the system does not show it. */
export type Ownership = 'ours' | 'foreign' | 'nobody' | 'unknown'

/** Finds out which processes listen on an address, and on which ports a process listens. */
export class ListenerOwners {
  readonly #sys: Sys
  readonly #tables: SocketTables

  /** `isBusy` returns true if more lookups will follow soon. */
  constructor(sys: Sys, isBusy?: () => boolean) {
    this.#sys = sys
    this.#tables = new SocketTables(sys, isBusy)
  }

  /**
   * Returns `'ours'` if the process that listens on `target` belongs to the group of `pgid` or descends from it. That
   * something accepts connections there does not prove it (docs/hazards.md#h34).
   */
  async ownershipOf(target: Target, pgid: number): Promise<Ownership> {
    const sys = this.#sys
    if (!seesProcesses(sys)) return 'unknown'
    try {
      const inodes = await this.#inodesAt(target)
      if (inodes.length === 0) return hasOtherNetwork(sys, pgid) ? 'unknown' : 'nobody'
      const holds = (pid: number): boolean => {
        const held = socketsOf(sys, pid)
        return inodes.some((inode) => held.has(inode))
      }
      if (holds(pgid)) return 'ours'
      const others = this.#relativesOf(pgid)
      if (others.some(holds)) return 'ours'
      return [pgid, ...others].some((pid) => isHidden(sys, pid)) ? 'unknown' : 'foreign'
    } catch {
      return 'unknown'
    }
  }

  /** Returns the ports on which the group of `pgid` or a descendant listens. */
  async portsOf(pgid: number): Promise<number[]> {
    const sys = this.#sys
    if (!seesProcesses(sys)) return []
    try {
      const held = new Set([pgid, ...this.#relativesOf(pgid)].flatMap((pid) => [...socketsOf(sys, pid)]))
      const listeners = (await this.#tables.tcp()).filter(({ inode }) => held.has(inode))
      return [...new Set(listeners.map(({ port }) => port))].sort((a, b) => a - b)
    } catch {
      return []
    }
  }

  /** Returns the other members of the group of `pgid`, and its descendants. */
  #relativesOf(pgid: number): number[] {
    const pids = new ProcessTrees(readStats(this.#sys)).of(pgid).map(({ pid }) => pid)
    return pids.filter((pid) => pid !== pgid)
  }

  async #inodesAt(target: Target): Promise<string[]> {
    if ('socketPath' in target) return parseUnix(await this.#tables.unix(), target.socketPath)
    const ofPort = (await this.#tables.tcp()).filter(({ port }) => port === target.port)
    for (const hosts of target.host === '::1' ? REACHED_BY_IPV6 : REACHED_BY_IPV4) {
      const inodes = ofPort.filter(({ host }) => hosts.includes(host)).map(({ inode }) => inode)
      if (inodes.length > 0) return inodes
    }
    return []
  }
}

/** Addresses of listeners that get a connection, in the order of the kernel. ::1 and 127.0.0.1 can have different ones. */
const REACHED_BY_IPV4 = [['127.0.0.1', '0000:0000:0000:0000:0000:ffff:7f00:0001'], ['0.0.0.0'], ['::']]
const REACHED_BY_IPV6 = [['::1'], ['::']]

/** Returns true for a process of another user, or one that changed its user: its descriptors cannot be read. */
function isHidden(sys: Sys, pid: number): boolean {
  try {
    sys.fs.readdirSync(`/proc/${pid}/fd`)
    return false
  } catch (thrown) {
    return codeOf(thrown) !== 'ENOENT'
  }
}

/**
 * Returns true if the process is in another network namespace. Its socket path can be reached, but the socket is only in
 * the table of that namespace.
 */
function hasOtherNetwork(sys: Sys, pid: number): boolean {
  try {
    return sys.fs.readlinkSync(`/proc/${pid}/ns/net`) !== sys.fs.readlinkSync('/proc/self/ns/net')
  } catch (thrown) {
    return codeOf(thrown) !== 'ENOENT'
  }
}
