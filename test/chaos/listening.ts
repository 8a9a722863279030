import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import net from 'node:net'
import type { Address, Child, Target } from '../../src/index.ts'
import { inTime, mustHold } from './world.ts'

const LISTENS = '0A'
const ACCEPTS = '00010000'

const rowsOf = (table: string): string[][] =>
  readFileSync(`/proc/net/${table}`, 'utf8')
    .split('\n')
    .slice(1)
    .map((row) => row.trim().split(/\s+/))

/** Returns the sockets that listen at an address, from the tables of the kernel. */
function socketsAt(address: Address): string[] {
  if (typeof address === 'string') {
    const rows = rowsOf('unix').filter((row) => row[3] === ACCEPTS && row[7] === address)
    return rows.map((row) => `socket:[${row[6]}]`)
  }
  const port = `:${address.toString(16).toUpperCase().padStart(4, '0')}`
  const rows = [...rowsOf('tcp'), ...rowsOf('tcp6')]
  return rows.filter((row) => row[3] === LISTENS && row[1]?.endsWith(port)).map((row) => `socket:[${row[9]}]`)
}

/** Returns whether a process holds a socket that listens at the address. */
function listensAt(pid: number, address: Address): boolean {
  const sockets = socketsAt(address)
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => {
      try {
        return sockets.includes(readlinkSync(`/proc/${pid}/fd/${fd}`))
      } catch {
        return false
      }
    })
  } catch {
    return false
  }
}

/** Checks at each event `started` or `restarted` that the child itself listens. The returned function returns their number. */
export function verifyReadyEvents(child: Child): () => number {
  let times = 0
  let broken = ''
  const onReady = (address: Address | null): void => {
    times++
    const { pid } = child
    if (pid === null || address === null || !listensAt(pid, address))
      broken ||= `an event reported ${pid} as ready on ${address}, but ${pid} does not listen there`
  }
  child.on('started', onReady)
  child.on('restarted', onReady)
  return () => {
    mustHold(broken === '', broken)
    return times
  }
}

/** Connects to a target and returns the text that it sends, or the message of the error. */
export function greetingAt(target: Target): Promise<string> {
  const greeting = new Promise<string>((resolve) => {
    let text = ''
    const socket =
      'socketPath' in target ? net.connect(target.socketPath) : net.connect(target.port, target.host)
    socket.on('data', (data) => {
      text += data
    })
    socket.on('error', (error) => resolve(error.message))
    socket.on('close', () => resolve(text))
  })
  return inTime(greeting, 'an answer')
}

/** Throws if another process than that of the child answers at its target. */
export async function mustAnswer({ name, pid, target }: Child): Promise<void> {
  mustHold(pid !== null && target !== null, `'${name}' has no process or no target`)
  const greeting = await greetingAt(target)
  mustHold(greeting === `child ${pid}`, `${JSON.stringify(target)} of ${pid} answers '${greeting}'`)
}

/** A server that is not a child of spinner. */
export interface ForeignListener {
  readonly port: number
  /** Throws if the server does not answer any more. */
  mustAnswer(target: Target): Promise<void>
  close(): Promise<void>
}

/** Listens in this process, which is not a child. Returns `null` if another process listens there already. */
export async function tryToListen(where: net.ListenOptions): Promise<ForeignListener | null> {
  const server = net.createServer((socket) => socket.on('error', () => {}).end('foreign'))
  const listens = await new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false))
    server.listen(where, () => resolve(true))
  })
  if (!listens) return null
  const address = server.address()
  return {
    port: address !== null && typeof address === 'object' ? address.port : 0,
    async mustAnswer(target) {
      const greeting = await greetingAt(target)
      mustHold(
        greeting === 'foreign',
        `the foreign listener should answer, but the response is '${greeting}'`,
      )
    },
    close: () => new Promise((resolve) => void server.close(() => resolve())),
  }
}

/** Listens in this process on an address that must be free. */
export async function listenHere(where: net.ListenOptions): Promise<ForeignListener> {
  const there = await tryToListen(where)
  mustHold(there !== null, `cannot listen at ${JSON.stringify(where)}`)
  return there
}
