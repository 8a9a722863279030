import type http from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'

/**
 * Counts the requests under way on each connection of a server. Node's own bookkeeping is not enough: it treats a
 * connection without any request yet as busy, although browsers keep such connections in reserve, and it forgets
 * upgraded connections.
 */
export class Connections {
  readonly #requests = new Map<Duplex, number>()

  watch(server: http.Server): void {
    server.on('connection', (socket: Socket) => {
      this.#requests.set(socket, 0)
      socket.once('close', () => this.#requests.delete(socket))
    })
    // Take the socket from the request: a response that waits for an earlier one has no socket yet.
    const onRequest = ({ socket }: IncomingMessage, response: ServerResponse): void => {
      this.#add(socket, 1)
      response.once('close', () => this.#add(socket, -1))
    }
    server.prependListener('request', onRequest).prependListener('checkContinue', onRequest)
    server.prependListener('upgrade', (_request, socket) => this.#add(socket, 1))
  }

  /** Closes the connections without a request under way. */
  closeIdle(): void {
    for (const [socket, requests] of this.#requests) if (requests === 0) socket.destroy()
  }

  /** Closes all connections. */
  destroy(): void {
    for (const socket of this.#requests.keys()) socket.destroy()
  }

  #add(socket: Duplex, change: number): void {
    const requests = this.#requests.get(socket)
    if (requests !== undefined) this.#requests.set(socket, requests + change)
  }
}
