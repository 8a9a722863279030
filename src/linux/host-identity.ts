import type { Sys } from '../sys.ts'
import { isAlive, readStat } from './processes.ts'

/** Identity of one host process. The pid alone is not enough, because pids are reused. */
export interface HostIdentity {
  /** Id of this boot of the machine. */
  readonly boot: string
  /** The pid namespace in which the pids of the host and its children are valid. */
  readonly namespace: string
  readonly pid: number
  /** Start time, in clock ticks since the machine started. */
  readonly start: number
}

/** Returns the identity of this process. Throws if `/proc` does not show it under the pid that it knows. */
export function identifyHost(sys: Sys): HostIdentity {
  const { fs, pid } = sys
  // If /proc belongs to another pid namespace, its pids are not those that signals take.
  if (fs.readlinkSync('/proc/self') !== String(pid)) throw new Error('/proc is that of another pid namespace')
  const start = readStat(sys, pid)?.start
  if (!Number.isSafeInteger(start)) throw new Error('the start time of this process cannot be read')
  return {
    boot: fs.readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim(),
    namespace: fs.readlinkSync('/proc/self/ns/pid'),
    pid,
    start: start as number,
  }
}

/** Returns true if the pids of one host are valid for the other. */
export const sharesPids = (one: HostIdentity, other: HostIdentity): boolean =>
  one.boot === other.boot && one.namespace === other.namespace

/** Returns false for a zombie, and if another process has the pid now. The host must share the pids of this one. */
export function isRunning(sys: Sys, host: HostIdentity): boolean {
  const stat = readStat(sys, host.pid)
  return stat !== null && stat.start === host.start && isAlive(stat)
}

/** Names a living host for an error message of this one. */
export function describeHost(host: HostIdentity, own: HostIdentity): string {
  if (!sharesPids(own, host)) return `process ${host.pid} of another container or machine, which still runs`
  return host.pid === own.pid ? 'another spinner of this process' : `process ${host.pid}, which still runs`
}
