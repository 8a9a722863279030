import type { Socket } from 'node:net'
import { codeOf } from './errors.ts'
import type { Sys } from './sys.ts'
import type { Address, Target } from './types/child.ts'

/** The loopback addresses at which a child that was told a port may turn up: `localhost` is either. */
const LOOPBACK = ['127.0.0.1', '::1'] as const

/** Where an address is first looked for. */
export function targetOf(address: Address): Target {
  return typeof address === 'string' ? { socketPath: address } : { host: LOOPBACK[0], port: address }
}

const targetsOf = (address: Address): Target[] =>
  typeof address === 'string' ? [{ socketPath: address }] : LOOPBACK.map((host) => ({ host, port: address }))

/** The target at which something accepts on `address`, or `null` when nothing does. */
export async function firstAccepting(sys: Sys, address: Address): Promise<Target | null> {
  const [first, ...others] = targetsOf(address) as [Target, ...Target[]]
  if (await accepts(sys, first)) return first
  for (const target of others) {
    // One that listens on both may have come up between the two looks.
    if (await accepts(sys, target)) return (await accepts(sys, first)) ? first : target
  }
  return null
}

/** Whether nobody at all is there, on any of the loopback addresses. */
export async function isFree(sys: Sys, address: Address): Promise<boolean> {
  for (const target of targetsOf(address)) if ((await tryConnect(sys, target)) !== 'nobody') return false
  return true
}

/** Whether something accepts a connection there. */
export async function accepts(sys: Sys, target: Target): Promise<boolean> {
  return (await tryConnect(sys, target)) === 'open'
}

/** `unsure`: something may well be there, such as a server that is too busy to answer. */
export type Answer = 'open' | 'nobody' | 'unsure'

const NOBODY = new Set([
  'ECONNREFUSED',
  'ENOENT',
  'EADDRNOTAVAIL',
  'ENETUNREACH',
  'EHOSTUNREACH',
  'EAFNOSUPPORT',
])
/** On loopback an answer is there at once, or there is a queue that is full. */
const ANSWER_WITHIN_MS = 250

/** Connects, and hangs up. */
export function tryConnect(sys: Sys, target: Target): Promise<Answer> {
  return new Promise((resolve) => {
    const socket = sys.connect(target)
    void sys.pause(ANSWER_WITHIN_MS).then(async () => {
      // Where the host was held up, the answer may be there and not have been looked at
      // (docs/hazards.md#h20).
      await sys.nextTurn()
      resolve('unsure')
      if (socket.connecting) socket.destroy()
    })
    socket.on('error', (error) => resolve(NOBODY.has(codeOf(error) ?? '') ? 'nobody' : 'unsure'))
    socket.once('connect', () => {
      // TCP can connect a socket to itself when both ports happen to be the same (docs/hazards.md#h35).
      const isSelf = socket.localPort !== undefined && socket.localPort === socket.remotePort
      resolve(isSelf ? 'nobody' : 'open')
      if (isSelf) socket.destroy()
      else leave(socket)
    })
  })
}

const PATIENCE_MS = 1_000

/**
 * Hangs up as a client would that has nothing to say: a reset is an `error` to the other side, and a simple server
 * may die of it.
 */
function leave(socket: Socket): void {
  socket.setTimeout(PATIENCE_MS, () => socket.destroy())
  socket.resume()
  socket.unref()
  socket.end()
}

/** Removes a socket that nobody listens on. Answers what else stands at its path. */
export async function removeStale(sys: Sys, socket: string): Promise<string | null> {
  const { fs } = sys
  const before = fs.lstatSync(socket, { throwIfNoEntry: false })
  if (!before) return null
  if (!before.isSocket()) return 'there is something else at its path'
  const answer = await tryConnect(sys, { socketPath: socket })
  if (answer === 'open') return 'another process listens there'
  if (answer === 'unsure') return 'another process may listen there'
  const now = fs.lstatSync(socket, { throwIfNoEntry: false })
  if (now && now.ino === before.ino && now.dev === before.dev) fs.unlinkSync(socket)
  return null
}

/** Removes a socket, and nothing else, whether or not it is there. */
export function unlinkSocket(fs: Sys['fs'], socket: string): undefined {
  try {
    if (fs.lstatSync(socket).isSocket()) fs.unlinkSync(socket)
  } catch {
    // The child removed it, or never made it.
  }
}
