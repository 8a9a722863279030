import { type IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Upgrade } from '../proxy/context.ts'

/** Maximum number of bytes that a client may send before its protocol is accepted. */
const MAX_EARLY_BYTES = 64 * 1024

/** A request for another protocol. Until the child accepts it, it gets a response like any other request. */
export interface UpgradeCall {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  take: Upgrade['take']
  /** Leaves the connection as it was received, for another listener. */
  restore(): void
}

/**
 * Adds a response to a connection that Node has handed over in an `upgrade` event; null if that is impossible. Reads the
 * connection meanwhile, because otherwise a client that disconnects would not be noticed. Keeps what the client sends
 * early: the child receives it only after it has accepted the protocol.
 */
export function newUpgradeCall(request: IncomingMessage, socket: Duplex, head: Buffer): UpgradeCall | null {
  socket.on('error', () => {})
  const response = new ServerResponse(request)
  response.shouldKeepAlive = false
  if (!assign(response, socket)) return null
  const early: Buffer[] = []
  let length = head.length
  const onData = (chunk: Buffer): void => {
    early.push(chunk)
    length += chunk.length
    if (length > MAX_EARLY_BYTES) socket.destroy()
  }
  const onDrain = (): void => void response.emit('drain')
  const onEnd = (): void => void socket.destroy()
  const onFinish = (): void => void socket.end(() => socket.destroy())
  const release = (): void => {
    socket.off('data', onData).off('drain', onDrain).off('end', onEnd).pause()
    response.off('finish', onFinish)
    response.detachSocket(socket as never)
  }
  socket.on('data', onData).on('drain', onDrain).on('end', onEnd)
  response.on('error', () => {}).on('finish', onFinish)
  if (socket.destroyed) response.destroy()
  return {
    request,
    response,
    take: () => {
      release()
      return { client: socket, early: Buffer.concat([head, ...early]) }
    },
    restore: () => {
      release()
      for (const chunk of early.reverse()) socket.unshift(chunk)
      // Undo the explicit pause: a paused stream would not start to flow when the next listener is added.
      Object.assign(socket, { readableFlowing: null })
    },
  }
}

/**
 * Assigns the response to the connection. If the client did not wait for an earlier response, Node throws, because two
 * responses would mix. Then the connection closes without a response.
 */
function assign(response: ServerResponse, socket: Duplex): boolean {
  try {
    response.assignSocket(socket as never)
    return true
  } catch {
    socket.destroy()
    return false
  }
}
