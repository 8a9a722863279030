import { type IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Upgrade } from '../proxy/context.ts'

/** What a client may send before it is told that its protocol was accepted. */
const MOST_EARLY = 64 * 1024

/** A connection whose request asks for another protocol. Until the child agrees it is answered like any other. */
export interface UpgradeCall {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  take: Upgrade['take']
  /** Leaves the connection as it came, for somebody else. */
  giveBack(): void
}

/**
 * Makes of a connection that Node has let go of something that can be answered. It is read meanwhile, since a client that
 * goes away would not be noticed otherwise; what it sends early is kept, and reaches the child only after it has agreed.
 * Null when it cannot be answered.
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
    if (length > MOST_EARLY) socket.destroy()
  }
  const onDrain = (): void => void response.emit('drain')
  const onEnd = (): void => void socket.destroy()
  const onFinish = (): void => void socket.end(() => socket.destroy())
  const release = (): void => {
    socket.off('data', onData).off('drain', onDrain).off('end', onEnd).pause()
    response.off('finish', onFinish)
    response.detachSocket(socket as never)
  }
  socket
    .on('error', () => {})
    .on('data', onData)
    .on('drain', onDrain)
    .on('end', onEnd)
  response.on('error', () => {}).on('finish', onFinish)
  if (socket.destroyed) response.destroy()
  return {
    request,
    response,
    take: () => {
      release()
      return { client: socket, early: Buffer.concat([head, ...early]) }
    },
    giveBack: () => {
      release()
      for (const chunk of early.reverse()) socket.unshift(chunk)
      // Paused on purpose it would not begin to flow when the next one listens, as a connection does that is handed over.
      Object.assign(socket, { readableFlowing: null })
    },
  }
}

/**
 * Node hands over a connection on which an earlier request has not been answered yet, when the client did not wait for
 * that. Two answers would mix; so there is none, and the connection ends.
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
