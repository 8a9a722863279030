import type { Socket } from 'node:net'
import { codeOf } from './errors.ts'
import type { Sys } from './sys.ts'
import type { Address, Target } from './types/child.ts'

/** A child that was given a port can listen on either of these addresses: `localhost` can be both. */
const LOOPBACK = ['127.0.0.1', '::1'] as const

/** Returns the first target to try for an address. */
export function targetOf(address: Address): Target {
  return typeof address === 'string' ? { socketPath: address } : { host: LOOPBACK[0], port: address }
}

const targetsOf = (address: Address): Target[] =>
  typeof address === 'string' ? [{ socketPath: address }] : LOOPBACK.map((host) => ({ host, port: address }))

/** Returns the target of `address` that accepts connections, or `null` if none does. */
export async function firstAccepting(sys: Sys, address: Address): Promise<Target | null> {
  const [first, ...others] = targetsOf(address) as [Target, ...Target[]]
  if (await accepts(sys, first)) return first
  for (const target of others) {
    // A process that listens on both may have begun to listen after the first check.
    if (await accepts(sys, target)) return (await accepts(sys, first)) ? first : target
  }
  return null
}

/** Returns true if nothing listens on `address`, on any of the loopback addresses. */
export async function isFree(sys: Sys, address: Address): Promise<boolean> {
  for (const target of targetsOf(address)) if ((await tryConnect(sys, target)) !== 'free') return false
  return true
}

/** Returns true if `target` accepts a connection. */
export async function accepts(sys: Sys, target: Target): Promise<boolean> {
  return (await tryConnect(sys, target)) === 'open'
}

/** Result of an attempt to connect. `unknown`: something may listen, such as a server that is too busy to accept. */
export type ProbeResult = 'open' | 'free' | 'unknown'

/** Error codes that mean that nothing listens. */
const FREE = new Set([
  'ECONNREFUSED',
  'ENOENT',
  'EADDRNOTAVAIL',
  'ENETUNREACH',
  'EHOSTUNREACH',
  'EAFNOSUPPORT',
])
/** Loopback connects at once, unless the queue of the listener is full. */
const CONNECT_WITHIN_MS = 250

/** Connects and closes the connection. */
export function tryConnect(sys: Sys, target: Target): Promise<ProbeResult> {
  return new Promise((resolve) => {
    const socket = sys.connect(target)
    void sys.pause(CONNECT_WITHIN_MS).then(async () => {
      // If the host was blocked, the event may be waiting in the queue of the event loop (docs/hazards.md#h20).
      await sys.nextTurn()
      resolve('unknown')
      if (socket.connecting) socket.destroy()
    })
    socket.on('error', (error) => resolve(FREE.has(codeOf(error) ?? '') ? 'free' : 'unknown'))
    socket.once('connect', () => {
      // TCP can connect a socket to itself if both ports are the same (docs/hazards.md#h35).
      const isSelf = socket.localPort !== undefined && socket.localPort === socket.remotePort
      resolve(isSelf ? 'free' : 'open')
      if (isSelf) socket.destroy()
      else disconnect(socket)
    })
  })
}

const CLOSE_WITHIN_MS = 1_000

/** Closes a connection without a reset: a reset is an `error` event in the server, which can end a simple program. */
function disconnect(socket: Socket): void {
  socket.setTimeout(CLOSE_WITHIN_MS, () => socket.destroy())
  socket.resume()
  socket.unref()
  socket.end()
}

/** Removes a socket on which nothing listens. Otherwise returns the reason why it was not removed. */
export async function removeStale(sys: Sys, socket: string): Promise<string | null> {
  const { fs } = sys
  const before = fs.lstatSync(socket, { throwIfNoEntry: false })
  if (!before) return null
  if (!before.isSocket()) return 'its path is not a socket'
  const result = await tryConnect(sys, { socketPath: socket })
  if (result === 'open') return 'another process listens there'
  if (result === 'unknown') return 'another process may listen there'
  const now = fs.lstatSync(socket, { throwIfNoEntry: false })
  if (now && now.ino === before.ino && now.dev === before.dev) fs.unlinkSync(socket)
  return null
}

/** Removes a socket if there is one. Leaves files of other kinds. */
export function unlinkSocket(fs: Sys['fs'], socket: string): undefined {
  try {
    if (fs.lstatSync(socket).isSocket()) fs.unlinkSync(socket)
  } catch {
    // The child has removed the socket, or did not create it.
  }
}
