import type { Socket } from 'node:net'

/** Who is at the other end of a connection: an address, or null where it came through a unix socket. */
export type Peer = string | null

const known = new WeakMap<Socket, Peer>()

/**
 * Who is at the other end; undefined when nobody can tell any more. A connection that was reset has no
 * address either, and must not pass for one through a unix socket, which may be trusted
 * (docs/hazards.md#h50).
 */
export function peerOf(socket: Socket): Peer | undefined {
  const before = known.get(socket)
  if (before !== undefined) return before
  const peer = socket.remoteAddress ?? (isThroughUnixSocket(socket) ? null : undefined)
  if (peer !== undefined) known.set(socket, peer)
  return peer
}

function isThroughUnixSocket(socket: Socket): boolean {
  const { server } = socket as { server?: { address?(): unknown } }
  return typeof server?.address?.() === 'string'
}
