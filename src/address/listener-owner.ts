import { codeOf } from '../errors.ts'
import { ProcessTrees } from '../linux/process-tree.ts'
import { parseUnix, readStats, seesProcesses, socketsOf } from '../linux/processes.ts'
import { SocketTables } from '../linux/sockets.ts'
import type { Sys } from '../sys.ts'
import type { Target } from '../types/child.ts'

/** Whose socket it is that listens on an address. `unknown`: this system does not let us look. */
export type Ownership = 'ours' | 'foreign' | 'nobody' | 'unknown'

/** Knows who listens where. */
export class ListenerOwners {
  readonly #sys: Sys
  readonly #tables: SocketTables

  /** `isBusy` tells whether more will soon be looked for. */
  constructor(sys: Sys, isBusy?: () => boolean) {
    this.#sys = sys
    this.#tables = new SocketTables(sys, isBusy)
  }

  /**
   * Whether the process that listens at `target` belongs to the group of `pgid` or descends from it.
   * Something that merely answers may be anybody (docs/hazards.md#h34).
   */
  async ownershipOf(target: Target, pgid: number): Promise<Ownership> {
    const sys = this.#sys
    if (!seesProcesses(sys)) return 'unknown'
    try {
      const inodes = await this.#listening(target)
      if (inodes.length === 0) return livesElsewhere(sys, pgid) ? 'unknown' : 'nobody'
      const holds = (pid: number): boolean => {
        const held = socketsOf(sys, pid)
        return inodes.some((inode) => held.has(inode))
      }
      if (holds(pgid)) return 'ours'
      const family = this.#familyOf(pgid)
      if (family.some(holds)) return 'ours'
      return [pgid, ...family].some((pid) => isHidden(sys, pid)) ? 'unknown' : 'foreign'
    } catch {
      return 'unknown'
    }
  }

  /** Ports on which the group of `pgid`, or a descendant, does listen. */
  async portsOf(pgid: number): Promise<number[]> {
    const sys = this.#sys
    if (!seesProcesses(sys)) return []
    try {
      const held = new Set([pgid, ...this.#familyOf(pgid)].flatMap((pid) => [...socketsOf(sys, pid)]))
      const listeners = (await this.#tables.tcp()).filter(({ inode }) => held.has(inode))
      return [...new Set(listeners.map(({ port }) => port))].sort((a, b) => a - b)
    } catch {
      return []
    }
  }

  #familyOf(pgid: number): number[] {
    const family = new ProcessTrees(readStats(this.#sys)).of(pgid).map(({ pid }) => pid)
    return family.filter((pid) => pid !== pgid)
  }

  async #listening(target: Target): Promise<string[]> {
    if ('socketPath' in target) return parseUnix(await this.#tables.unix(), target.socketPath)
    const ofPort = (await this.#tables.tcp()).filter(({ port }) => port === target.port)
    for (const hosts of target.host === '::1' ? REACHED_BY_IPV6 : REACHED_BY_IPV4) {
      const inodes = ofPort.filter(({ host }) => hosts.includes(host)).map(({ inode }) => inode)
      if (inodes.length > 0) return inodes
    }
    return []
  }
}

/** Who gets a connection, in the order in which the kernel chooses: one may listen on ::1, another on 127.0.0.1. */
const REACHED_BY_IPV4 = [['127.0.0.1', '0000:0000:0000:0000:0000:ffff:7f00:0001'], ['0.0.0.0'], ['::']]
const REACHED_BY_IPV6 = [['::1'], ['::']]

/** What another user's process holds cannot be seen, nor what one holds that changed its user. */
function isHidden(sys: Sys, pid: number): boolean {
  try {
    sys.fs.readdirSync(`/proc/${pid}/fd`)
    return false
  } catch (thrown) {
    return codeOf(thrown) !== 'ENOENT'
  }
}

/** A path can be reached from another network namespace, but its socket is in the table of that one only. */
function livesElsewhere(sys: Sys, pid: number): boolean {
  try {
    return sys.fs.readlinkSync(`/proc/${pid}/ns/net`) !== sys.fs.readlinkSync('/proc/self/ns/net')
  } catch (thrown) {
    return codeOf(thrown) !== 'ENOENT'
  }
}
