import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http'
import type { Peer } from '../server/peer.ts'
import { acceptsHtml, errorPage, type Page, type Rendered } from './pages.ts'

/** A request and where its answer goes. Both are Node's, or what a framework made of them. */
export interface Call {
  readonly request: IncomingMessage
  readonly response: ServerResponse
}

/** A call of which it is known who makes it. */
export interface KnownCall extends Call {
  readonly peer: Peer
}

/** After these nothing that follows on the connection can be trusted, or is wanted. */
const CLOSING = new Set([400, 405, 413, 431, 501])
/** How long the rest of a body that is not wanted is read, so that the client gets to hear the answer. */
const LINGER_MS = 1_000

/** Answers with a page of ours; a client that has a part of an answer already is cut off instead. */
export function sendPage({ request, response }: Call, page: Page): void {
  const isClosing = page.isLast === true || CLOSING.has(page.status)
  const rendered = errorPage(page, acceptsHtml(request.headers.accept))
  if (write({ request, response }, page.status, rendered, isClosing)) end({ request, response }, isClosing)
}

/** Answers with a page that is no error. */
export function sendRendered(call: Call, status: number, rendered: Rendered): void {
  if (write(call, status, rendered, false)) end(call, false)
}

/** Whoever cannot even be told is cut off: a framework's response may throw, and that must not end the host. */
function write({ request, response }: Call, status: number, page: Rendered, isClosing: boolean): boolean {
  try {
    if (response.headersSent || response.destroyed) throw new Error('it has a part of an answer already')
    const headers = isClosing ? { ...page.headers, connection: 'close' } : { ...page.headers }
    // A head that Node did not take has left its own words behind.
    response.writeHead(status, STATUS_CODES[status], headers)
    if (request.method !== 'HEAD' && page.body !== '') response.write(page.body)
    return true
  } catch {
    response.destroy()
    return false
  }
}

/** A connection that is closed while data arrives is reset, and a reset takes the answer with it. */
function end({ request, response }: Call, isClosing: boolean): void {
  if (!isClosing || request.complete || request.destroyed) {
    response.end()
    return
  }
  const finish = (): void => {
    clearTimeout(timer)
    response.end()
  }
  const timer = setTimeout(finish, LINGER_MS)
  timer.unref()
  request.once('end', finish).once('close', finish).resume()
}
