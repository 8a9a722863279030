// Reads the resource usage of a process on Linux.
import { readdirSync, readFileSync } from 'node:fs'

const TICKS_A_SECOND = 100

const read = (pid, file) => readFileSync(`/proc/${pid}/${file}`, 'latin1')

/** Returns the resident memory of a process, in kilobytes. */
export const memoryOf = (pid) => Number(/^VmRSS:\s+(\d+)/m.exec(read(pid, 'status'))[1])

export const descriptorsOf = (pid) => readdirSync(`/proc/${pid}/fd`).length

/** Returns the CPU time of a process so far, in milliseconds; for other processes in steps of ten. */
export function workOf(pid) {
  if (pid === process.pid) {
    const { user, system } = process.cpuUsage()
    return (user + system) / 1_000
  }
  const fields = read(pid, 'stat')
    .replace(/^.*\) /, '')
    .split(' ')
  return ((Number(fields[11]) + Number(fields[12])) / TICKS_A_SECOND) * 1_000
}
