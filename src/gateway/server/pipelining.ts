import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Call } from '../http/respond.ts'

/** Answers whose turn has not come, by connection. */
const waiting = new WeakMap<Socket, Set<ServerResponse>>()

/**
 * A client may ask on before it has its answer. Of the end of its connection Node tells only the answer whose turn it is;
 * the others would hold their child for ever.
 */
export function announceClose({ request, response }: Call): void {
  if (response.socket !== null) return
  const { socket } = request
  if (socket.destroyed) return void response.destroy()
  const behind = waiting.get(socket) ?? watch(socket)
  behind.add(response)
  // From its turn on Node tells it.
  response.once('socket', () => behind.delete(response))
}

function watch(socket: Socket): Set<ServerResponse> {
  const behind = new Set<ServerResponse>()
  waiting.set(socket, behind)
  socket.once('close', () => {
    for (const response of behind) response.destroy().emit('close')
  })
  return behind
}
