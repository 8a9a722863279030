import type { Socket } from 'node:net'
import type { Address } from '../events.ts'
import type { Sys, Target } from '../sys.ts'

/** The loopback addresses at which a child that was told a port may turn up: `localhost` is either. */
const LOOPBACK = ['127.0.0.1', '::1'] as const

/** Where an address is first looked for. */
export function targetOf(address: Address): Target {
  return typeof address === 'string' ? { socketPath: address } : { host: LOOPBACK[0], port: address }
}

const targetsOf = (address: Address): Target[] =>
  typeof address === 'string' ? [{ socketPath: address }] : LOOPBACK.map((host) => ({ host, port: address }))

/** The target at which something accepts on `address`, or `null` when nothing does. */
export async function whoAnswers(sys: Sys, address: Address): Promise<Target | null> {
  const [first, ...others] = targetsOf(address) as [Target, ...Target[]]
  if (await accepts(sys, first)) return first
  for (const target of others) {
    // One that listens on both may have come up between the two looks.
    if (await accepts(sys, target)) return (await accepts(sys, first)) ? first : target
  }
  return null
}

/** Whether something accepts a connection there. */
export function accepts(sys: Sys, target: Target): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = sys.connect(target)
    socket.once('error', () => resolve(false))
    socket.once('connect', () => {
      // TCP can connect a socket to itself when both ports happen to be the same (HAZARDS H35).
      const isSelf = socket.localPort !== undefined && socket.localPort === socket.remotePort
      resolve(!isSelf)
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
  socket.on('error', () => {})
  socket.setTimeout(PATIENCE_MS, () => socket.destroy())
  socket.resume()
  socket.unref()
  socket.end()
}
