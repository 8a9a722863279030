import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { HttpCall } from '../http/respond.ts'

/** Responses that wait for an earlier response on the same connection. */
const waitingBySocket = new WeakMap<Socket, Set<ServerResponse>>()

/**
 * Closes the response when its connection closes, even while it waits for an earlier response. A client may pipeline
 * requests, and Node reports a closed connection only to the response whose turn it is; the others would hold their
 * child for ever.
 */
export function closeWithConnection({ request, response }: HttpCall): void {
  if (response.socket !== null) return
  const { socket } = request
  if (socket.destroyed) return void response.destroy()
  const waiting = waitingBySocket.get(socket) ?? watch(socket)
  waiting.add(response)
  // From its turn on, Node itself closes the response.
  response.once('socket', () => waiting.delete(response))
}

function watch(socket: Socket): Set<ServerResponse> {
  const waiting = new Set<ServerResponse>()
  waitingBySocket.set(socket, waiting)
  socket.once('close', () => {
    for (const response of waiting) response.destroy().emit('close')
  })
  return waiting
}
