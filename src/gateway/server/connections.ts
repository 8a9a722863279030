import type http from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'

/**
 * The connections of a server, and what is asked on each. Node itself counts one on which nothing was asked yet as busy,
 * and browsers keep such in reserve; and it forgets those that were upgraded.
 */
export class Connections {
  readonly #asked = new Map<Duplex, number>()

  watch(server: http.Server): void {
    server.on('connection', (socket: Socket) => {
      this.#asked.set(socket, 0)
      socket.once('close', () => this.#asked.delete(socket))
    })
    // An answer whose turn has not come has no connection of its own yet.
    const onRequest = ({ socket }: IncomingMessage, response: ServerResponse): void => {
      this.#count(socket, 1)
      response.once('close', () => this.#count(socket, -1))
    }
    server.prependListener('request', onRequest).prependListener('checkContinue', onRequest)
    server.prependListener('upgrade', (_request, socket) => this.#count(socket, 1))
  }

  /** Closes those on which nothing is asked. */
  closeIdle(): void {
    for (const [socket, asked] of this.#asked) if (asked === 0) socket.destroy()
  }

  destroy(): void {
    for (const socket of this.#asked.keys()) socket.destroy()
  }

  #count(socket: Duplex, more: number): void {
    const asked = this.#asked.get(socket)
    if (asked !== undefined) this.#asked.set(socket, asked + more)
  }
}
