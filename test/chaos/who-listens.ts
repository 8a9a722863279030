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

/** The sockets that listen at an address, by the kernel's own tables. */
function socketsAt(address: Address): string[] {
  if (typeof address === 'string') {
    const rows = rowsOf('unix').filter((row) => row[3] === ACCEPTS && row[7] === address)
    return rows.map((row) => `socket:[${row[6]}]`)
  }
  const port = `:${address.toString(16).toUpperCase().padStart(4, '0')}`
  const rows = [...rowsOf('tcp'), ...rowsOf('tcp6')]
  return rows.filter((row) => row[3] === LISTENS && row[1]?.endsWith(port)).map((row) => `socket:[${row[9]}]`)
}

/** Whether a process holds a socket that listens at an address. */
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

/** Looks, whenever a child announces that it is ready, who it is that listens. The returned function says how often. */
export function watchItsWord(child: Child): () => number {
  let times = 0
  let broken = ''
  const onReady = (address: Address | null): void => {
    times++
    const { pid } = child
    if (pid === null || address === null || !listensAt(pid, address))
      broken ||= `${pid} was announced as ready on ${address}, and does not listen there`
  }
  child.on('started', onReady)
  child.on('restarted', onReady)
  return () => {
    mustHold(broken === '', broken)
    return times
  }
}

/** What whoever answers there says. */
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

/** It is the child that answers where its target says. */
export async function mustAnswer({ name, pid, target }: Child): Promise<void> {
  mustHold(pid !== null && target !== null, `'${name}' has no process or no target`)
  const greeting = await greetingAt(target)
  mustHold(greeting === `child ${pid}`, `${JSON.stringify(target)} of ${pid} answers '${greeting}'`)
}

/** Somebody else's server. */
export interface Foreigner {
  readonly port: number
  /** Whether it is still there, unharmed. */
  mustAnswer(target: Target): Promise<void>
  close(): Promise<void>
}

/** Listens in this very process, which is no child's; `null` where somebody listens already. */
export async function foreignerAt(where: net.ListenOptions): Promise<Foreigner | null> {
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
      mustHold(greeting === 'foreign', `where somebody else listened, '${greeting}' is answered`)
    },
    close: () => new Promise((resolve) => void server.close(() => resolve())),
  }
}

/** What nobody else listens at: it must be there. */
export async function foreigner(where: net.ListenOptions): Promise<Foreigner> {
  const there = await foreignerAt(where)
  mustHold(there !== null, `nobody can listen at ${JSON.stringify(where)}`)
  return there
}
