import type { Host } from '../linux/host-identity.ts'

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

export const stateHeader = ({ boot, namespace, pid, start }: Host, uuid: string): string =>
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
