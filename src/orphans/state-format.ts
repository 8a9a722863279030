import { isAlive, readStat } from '../linux/processes.ts'
import type { Sys } from '../sys.ts'

/** What tells a host from every other one. Its number alone does not: numbers are used again. */
export interface Host {
  readonly boot: string
  /** The namespace in which its number, and those of its children, mean what they say. */
  readonly namespace: string
  readonly pid: number
  readonly start: number
}

/** What a state file says. */
export interface State {
  readonly host: Host
  /** What the marks of its children hold. */
  readonly uuid: string
  /** Start times by pid. Each led a group of its own. */
  readonly processes: ReadonlyMap<number, number>
  /** Whether its spinner was closed; what is still there then is what it could not end. */
  readonly isClosed: boolean
}

const VERSION = 1
const UUID = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}'
const PID = '[1-9]\\d{0,6}'
const START = '(?:0|[1-9]\\d{0,14})'
const HEAD = new RegExp(`^spinner-state (\\d+) (${UUID}) (pid:\\[\\d+\\]) (${PID}) (${START}) (${UUID})$`)
const LINE = new RegExp(`^(?:\\+ (${PID}) (${START})|- (${PID})|closed)$`)

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

export const headOf = ({ boot, namespace, pid, start }: Host, uuid: string): string =>
  `spinner-state ${VERSION} ${boot} ${namespace} ${pid} ${start} ${uuid}\n`

export const spawnedLine = (pid: number, start: number): string => `+ ${pid} ${start}\n`

export const goneLine = (pid: number): string => `- ${pid}\n`

export const CLOSED_LINE = 'closed\n'

/** What the text of a state file says, or why it is none. A last line that is cut off is left out. */
export function parseState(text: string): State | string {
  const [head, ...lines] = text.split('\n').slice(0, -1)
  if (head === undefined) return 'its first line is cut off'
  const [, version, boot = '', namespace = '', pid, start, uuid = ''] = HEAD.exec(head) ?? []
  if (version === undefined) return 'its first line is not that of a state file'
  if (version !== String(VERSION)) return `it is of version ${version}, and this one knows ${VERSION}`
  const processes = new Map<number, number>()
  let isClosed = false
  for (const [index, line] of lines.entries()) {
    const match = LINE.exec(line)
    // Part of a file that is not what was written proves nothing.
    if (!match) return `its line ${index + 2} is damaged`
    const [, spawned, began, gone] = match
    if (spawned) processes.set(Number(spawned), Number(began))
    else if (gone) processes.delete(Number(gone))
    else isClosed = true
  }
  return { host: { boot, namespace, pid: Number(pid), start: Number(start) }, uuid, processes, isClosed }
}
