import type { HostIdentity } from '../linux/host-identity.ts'

/** The contents of a state file. */
export interface State {
  readonly host: HostIdentity
  /** Part of the cookies of all its children. */
  readonly uuid: string
  /** Start times by pid. Each process led a group of its own. */
  readonly processes: ReadonlyMap<number, number>
  /** True if the spinner was closed. It could not end the processes that are still listed. */
  readonly isClosed: boolean
}

const VERSION = 1
const UUID = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}'
const PID = '[1-9]\\d{0,6}'
const START = '(?:0|[1-9]\\d{0,14})'
const HEAD = new RegExp(`^spinner-state (\\d+) (${UUID}) (pid:\\[\\d+\\]) (${PID}) (${START}) (${UUID})$`)
const LINE = new RegExp(`^(?:\\+ (${PID}) (${START})|- (${PID})|closed)$`)

/** The first line, which names the host. */
export const stateHeader = ({ boot, namespace, pid, start }: HostIdentity, uuid: string): string =>
  `spinner-state ${VERSION} ${boot} ${namespace} ${pid} ${start} ${uuid}\n`

export const spawnedLine = (pid: number, start: number): string => `+ ${pid} ${start}\n`

export const goneLine = (pid: number): string => `- ${pid}\n`

export const CLOSED_LINE = 'closed\n'

/** Parses a state file, or returns why it is not one. Ignores a last line that is cut off. */
export function parseState(text: string): State | string {
  const [head, ...lines] = text.split('\n').slice(0, -1)
  if (head === undefined) return 'its first line is cut off'
  const [, version, boot = '', namespace = '', pid, start, uuid = ''] = HEAD.exec(head) ?? []
  if (version === undefined) return 'its first line is not that of a state file'
  if (version !== String(VERSION))
    return `it has version ${version}, but this spinner reads version ${VERSION}`
  const processes = new Map<number, number>()
  let isClosed = false
  for (const [index, line] of lines.entries()) {
    const match = LINE.exec(line)
    // If one line is not as it was written, the other lines prove nothing.
    if (!match) return `its line ${index + 2} is damaged`
    const [, spawned, startTime, gone] = match
    if (spawned) processes.set(Number(spawned), Number(startTime))
    else if (gone) processes.delete(Number(gone))
    else isClosed = true
  }
  return { host: { boot, namespace, pid: Number(pid), start: Number(start) }, uuid, processes, isClosed }
}
