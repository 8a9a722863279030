import type { Duplex } from 'node:stream'
import { codeOf } from '../../errors.ts'
import { BodyTooLarge, ClientGone, type RequestBody } from '../http/body.ts'
import { groupByName, responseHeaders } from '../http/headers.ts'
import { addTrailers, sendInformational } from '../http/informational.ts'
import { BODY_TOO_LARGE_PAGE, type Page } from '../http/pages.ts'
import type { ProxyRequest } from './context.ts'
import { KEEP_ALIVE_MS } from './tunnel.ts'
import type { OpenStream, ResponseHandler, Upstream } from './upstream.ts'

/**
 * How one try ended. `'done'`: nothing is left to do. `'unsent'`: not a byte was sent, so the request may be tried
 * again. Otherwise: the request was sent but not answered, the page for the client, or an upgraded connection.
 */
export type ExchangeResult = 'done' | 'unsent' | SentButUnanswered | Page | Upgraded

/** The request was sent, nothing came back, and it may be sent a second time. */
export interface SentButUnanswered {
  readonly unansweredBy: Upstream
}

/** The child has accepted an upgrade. */
export interface Upgraded {
  readonly socket: Duplex
  /** Headers of the child's response, names and values in turn. */
  readonly headers: readonly Buffer[]
}

/** Methods whose purpose is not to change anything (RFC 9110, 9.2.1). */
const SAFE = new Set(['GET', 'HEAD', 'OPTIONS'])

/** Returns whether a request may be sent twice, and can be: the part of a body that was read is lost. */
export const isRepeatable = (method: string, body: RequestBody | null): boolean =>
  body === null && SAFE.has(method)

/** Statuses whose responses have no body, and so no trailers. */
const BODILESS = new Set([204, 304])
const PLAIN = /^[\x20-\x7e]*$/
const REFUSED = new Set(['UND_ERR_INVALID_ARG', 'UND_ERR_NOT_SUPPORTED'])

/** Restores the bytes of a reason phrase: undici decodes them as UTF-8, and Node encodes them as Latin-1. */
const reasonOf = (statusText: string): string =>
  PLAIN.test(statusText) ? statusText : Buffer.from(statusText).toString('latin1')

/** One try of a request at one process. Streams the response to the client, as fast as the slower of the two. */
export class Exchange implements ResponseHandler, OpenStream {
  readonly #request: ProxyRequest
  readonly #body: RequestBody | null
  readonly #upstream: Upstream
  readonly #settle: (result: ExchangeResult) => void
  #abort: ((error?: Error) => void) | null = null
  #resume: (() => void) | null = null
  /** Set when the exchange first has to wait for the client. */
  #onDrain: (() => void) | null = null
  #isStream = false
  #hasBegun = false
  #isResponding = false
  /** Bytes of the body that have not arrived yet; negative if the child does not state the length. */
  #left = -1
  #hasWritten = false
  #isOver = false

  /** `settle` is called exactly once. */
  constructor(
    request: ProxyRequest,
    body: RequestBody | null,
    upstream: Upstream,
    settle: (result: ExchangeResult) => void,
  ) {
    this.#request = request
    this.#body = body
    this.#upstream = upstream
    this.#settle = settle
    upstream.enter()
    request.call.response.on('close', this.#onClose)
  }

  onConnect(abort: (error?: Error) => void): void {
    this.#abort = abort
    if (this.#isOver || this.#request.call.response.destroyed) abort()
  }

  onResponseStarted(): void {
    this.#hasBegun = true
  }

  onHeaders(status: number, raw: Buffer[], resume: () => void, statusText: string): boolean {
    const { call, options } = this.#request
    const { response } = call
    if (status < 200) {
      if (!this.#isOver && call.request.httpVersion === '1.1') sendInformational(response, status, raw)
      return true
    }
    if (this.#isOver) return true
    const { length, headers, isEventStream, advertisesKeepAlive, trailer } = responseHeaders(raw)
    if (advertisesKeepAlive) this.#upstream.advertisesKeepAlive = true
    if (length !== null) this.#left = length
    if (trailer !== undefined && this.#mayHaveTrailers(status, length !== null))
      headers.push('trailer', trailer)
    // Group the values by name, because Node 20 keeps only the last of them if the host has set a header before.
    const grouped = options.isMounted ? groupByName(headers) : headers
    // Throws if Node rejects the head. undici then calls onError, and nothing has been sent yet.
    response.writeHead(status, reasonOf(statusText), grouped)
    this.#isResponding = true
    this.#resume = resume
    // A response of a known length ends by itself, and cannot be ended in order before that.
    if (isEventStream && length === null) this.#becomeStream()
    // Flush later, so that a body that arrived with the head is sent groupByName with it.
    queueMicrotask(() => {
      if (!this.#hasWritten && !this.#isOver) response.flushHeaders()
    })
    return true
  }

  onData(chunk: Buffer): boolean {
    const { response } = this.#request.call
    this.#hasWritten = true
    this.#left -= chunk.length
    // Do not pause after the last byte: a paused parser would take the end of the idle connection for a broken response.
    if (this.#isOver || response.write(chunk) || this.#left === 0) return true
    // Resume in a microtask: Node can emit `drain` inside our write, and so inside the parser that is to be resumed.
    this.#onDrain ??= () => queueMicrotask(this.#resume as () => void)
    response.once('drain', this.#onDrain)
    return false
  }

  onComplete(trailers: (string | Buffer)[] | null): void {
    const { response } = this.#request.call
    if (this.#isOver) return
    if (trailers && trailers.length > 0 && response.chunkedEncoding) addTrailers(response, trailers)
    response.end()
    this.#finish('done')
  }

  onUpgrade(_status: number, headers: Buffer[] | string[] | null, socket: Duplex): void {
    socket.on('error', () => {})
    if (this.#isOver) socket.destroy()
    else this.#finish({ socket, headers: (headers ?? []) as Buffer[] })
  }

  onError(error: Error): void {
    if (!this.#isOver) this.#finish(this.#resultOf(error))
  }

  /** Ends an event stream. Its reader connects again. */
  end(): void {
    if (this.#isOver) return
    this.#request.call.response.end()
    this.#finish('done')
    this.#abort?.()
  }

  #resultOf(error: Error): ExchangeResult {
    if (error instanceof ClientGone) return 'done'
    if (this.#isResponding) {
      // Reset the connection, so that half a response does not look like a whole one.
      this.#request.call.response.destroy()
      return 'done'
    }
    if (error instanceof BodyTooLarge) return BODY_TOO_LARGE_PAGE
    if (REFUSED.has(codeOf(error) ?? ''))
      return { status: 400, text: 'A header of the request cannot be forwarded.' }
    if (this.#abort === null) return 'unsent'
    if (codeOf(error) === 'UND_ERR_HEADERS_TIMEOUT')
      return { status: 504, text: 'The app did not respond in time.' }
    const unansweredBy = this.#upstream
    return !this.#hasBegun && isRepeatable(this.#request.head.method, this.#body)
      ? { unansweredBy }
      : CLOSED_EARLY
  }

  readonly #onClose = (): void => {
    if (this.#isOver) return
    this.#finish('done')
    this.#abort?.()
  }

  #finish(result: ExchangeResult): void {
    const { response } = this.#request.call
    this.#isOver = true
    response.off('close', this.#onClose)
    if (this.#onDrain) response.off('drain', this.#onDrain)
    if (this.#isStream) this.#upstream.leaveStream(this)
    else this.#upstream.leave()
    if (result === 'done') this.#body?.destroy()
    this.#settle(result)
  }

  /**
   * Counts the exchange as a stream. It may never end, so a drain does not wait for it. Its reader may vanish silently, so
   * the connection is probed.
   */
  #becomeStream(): void {
    this.#isStream = true
    this.#upstream.enterStream(this)
    this.#upstream.leave()
    this.#request.call.response.socket?.setKeepAlive(true, KEEP_ALIVE_MS)
  }

  /** Returns whether a `Trailer` header may be sent. Node throws if the body is not chunked. */
  #mayHaveTrailers(status: number, hasLength: boolean): boolean {
    const { call, head } = this.#request
    return !hasLength && head.method !== 'HEAD' && call.request.httpVersion === '1.1' && !BODILESS.has(status)
  }
}

/** Page for a request that was sent and got no response, or only a part of its head. */
export const CLOSED_EARLY: Page = {
  status: 502,
  text: 'The app closed the connection before it responded.',
}
