import type { Sys } from '../sys.ts'
import { isAlive, readStat } from './processes.ts'

/** What tells a host from every other one. Its number alone does not: numbers are used again. */
export interface Host {
  readonly boot: string
  /** The namespace in which its number, and those of its children, mean what they say. */
  readonly namespace: string
  readonly pid: number
  readonly start: number
}

/** Throws where `/proc` does not show this process under the number that it knows itself by. */
export function thisHost(sys: Sys): Host {
  const { fs, pid } = sys
  // It may have come from an outer pid namespace: then its numbers are not those that signals take.
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

/** Whether the numbers of one host mean the same to the other. */
export const sharesNumbers = (one: Host, other: Host): boolean =>
  one.boot === other.boot && one.namespace === other.namespace

/** A zombie runs no more, and neither does a host whose number is another process's by now. */
export function stillRuns(sys: Sys, host: Host): boolean {
  const stat = readStat(sys, host.pid)
  return stat !== null && stat.start === host.start && isAlive(stat)
}
