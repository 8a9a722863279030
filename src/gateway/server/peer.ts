import type { Socket } from 'node:net'

/** The other end of a connection: its address, or null for a unix socket. */
export type Peer = string | null

const cached = new WeakMap<Socket, Peer>()

/**
 * Returns the other end of a connection; undefined if it cannot be determined any more. A connection that was reset has
 * no address either, and must not pass for one through a unix socket, which may be trusted (docs/hazards.md#h50).
 */
export function peerOf(socket: Socket): Peer | undefined {
  const known = cached.get(socket)
  if (known !== undefined) return known
  const peer = socket.remoteAddress ?? (usesUnixSocket(socket) ? null : undefined)
  if (peer !== undefined) cached.set(socket, peer)
  return peer
}

function usesUnixSocket(socket: Socket): boolean {
  const { server } = socket as { server?: { address?(): unknown } }
  return typeof server?.address?.() === 'string'
}
