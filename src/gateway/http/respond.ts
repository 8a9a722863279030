import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http'
import type { Clock } from '../../sys.ts'
import type { Peer } from '../server/peer.ts'
import { acceptsHtml, errorPage, type Page, type RenderedPage } from './pages.ts'

/** A request and its response: Node's own objects, or those of a framework that extends them. */
export interface HttpCall {
  readonly request: IncomingMessage
  readonly response: ServerResponse
}

/** A call whose peer is known. */
export interface KnownCall extends HttpCall {
  readonly peer: Peer
}

/** Statuses after which the connection closes, because what follows on it cannot be trusted or is not wanted. */
const CLOSING_STATUSES = new Set([400, 405, 413, 431, 501])
/**
 * Milliseconds for which the rest of an unwanted body is still read. A connection that closes while data arrives is
 * reset, and the reset may destroy the response before the client reads it.
 */
const LINGER_MS = 1_000

/**
 * Responds with a page of the gateway. If the client has already received a part of a response, closes the connection
 * instead. `clock` limits the time for which the rest of a refused body is read.
 */
export function sendPage(clock: Clock, call: HttpCall, page: Page): void {
  const closesConnection = page.closesConnection === true || CLOSING_STATUSES.has(page.status)
  const rendered = errorPage(page, acceptsHtml(call.request.headers.accept))
  if (!write(call, page.status, rendered, closesConnection)) return
  if (closesConnection) endAfterBody(clock, call)
  else call.response.end()
}

/** Responds with a page that is not an error. */
export function sendRendered(call: HttpCall, status: number, rendered: RenderedPage): void {
  if (write(call, status, rendered, false)) call.response.end()
}

/**
 * Writes head and body; returns false after destroying a response that cannot be written. The response object of a
 * framework may throw, and that must not end the host.
 */
function write(
  { request, response }: HttpCall,
  status: number,
  page: RenderedPage,
  closesConnection: boolean,
): boolean {
  try {
    if (response.headersSent || response.destroyed) throw new Error('a part of a response was already sent')
    const headers = closesConnection ? { ...page.headers, connection: 'close' } : { ...page.headers }
    // Pass the status text too: after a head that Node rejected, the response still holds the text of that head.
    response.writeHead(status, STATUS_CODES[status], headers)
    if (request.method !== 'HEAD' && page.body !== '') response.write(page.body)
    return true
  } catch {
    response.destroy()
    return false
  }
}

/** Ends the response, and with it the connection, after the request has ended or `LINGER_MS` have passed. */
function endAfterBody(clock: Clock, { request, response }: HttpCall): void {
  if (request.complete || request.destroyed) {
    response.end()
    return
  }
  const finish = (): void => {
    clock.clearTimeout(timer)
    response.end()
  }
  const timer = clock.setTimeout(finish, LINGER_MS)
  request.once('end', finish).once('close', finish).resume()
}
