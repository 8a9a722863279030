import type { ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { codeOf } from '../../errors.ts'
import { BodyTooLarge, ClientGone, type RequestBody } from '../http/body.ts'
import { groupByName, responseHeaders } from '../http/headers.ts'
import { addTrailers, sendInformational } from '../http/informational.ts'
import { BODY_TOO_LARGE_PAGE, type Page } from '../http/pages.ts'
import { KEEP_ALIVE_MS } from './tunnel.ts'
import type { ResponseHandler, Stream, Upstream } from './upstream.ts'

/**
 * How one try ended: `'over'`: nothing is left to do; `'unsent'`: no byte of it has left, so that it may be tried again;
 * that it was lost; what the client is to be told; or a connection that speaks another protocol from now on.
 */
export type ExchangeResult = 'over' | 'unsent' | SentButUnanswered | Page | Upgraded

/** It was sent and nothing came back, and it may be sent twice. */
export interface SentButUnanswered {
  readonly lostBy: Upstream
}

export interface Upgraded {
  readonly socket: Duplex
  /** The head of the child's answer. */
  readonly headers: readonly Buffer[]
}

/** What one try is made of. */
export interface ForwardInput {
  readonly method: string
  readonly httpVersion: string
  readonly response: ServerResponse
  /** Others may have set headers on the response. */
  readonly isMounted: boolean
  readonly body: RequestBody | null
  readonly upstream: Upstream
}

/** Their meaning is to change nothing (RFC 9110, 9.2.1). */
const SAFE = new Set(['GET', 'HEAD', 'OPTIONS'])

/** Whether a request may be sent twice, and can be: what was read of a body is gone. */
export const isRepeatable = (method: string, body: RequestBody | null): boolean =>
  body === null && SAFE.has(method)

/** Statuses whose answers have no body, and so no fields after it. */
const BODILESS = new Set([204, 304])
const PLAIN = /^[\x20-\x7e]*$/
const REFUSED = new Set(['UND_ERR_INVALID_ARG', 'UND_ERR_NOT_SUPPORTED'])

/** The words after a status, byte by byte: undici has read them as UTF-8, and Node writes them as Latin-1. */
const reasonOf = (statusText: string): string =>
  PLAIN.test(statusText) ? statusText : Buffer.from(statusText).toString('latin1')

/** One try of one request at one process: streams the answer to the client, both as fast as the slower one. */
export class Exchange implements ResponseHandler, Stream {
  readonly #try: ForwardInput
  readonly #settle: (outcome: ExchangeResult) => void
  #abort: ((error?: Error) => void) | null = null
  #resume: (() => void) | null = null
  /** There once it has had to wait for the client. */
  #onDrain: (() => void) | null = null
  #isStream = false
  #hasBegun = false
  #isAnswering = false
  /** Bytes of the body that are still to come; below zero where the child does not say. */
  #left = -1
  #hasWritten = false
  #isOver = false

  /** `settle` is called exactly once. */
  constructor(given: ForwardInput, settle: (outcome: ExchangeResult) => void) {
    this.#try = given
    this.#settle = settle
    given.upstream.enter()
    given.response.on('close', this.#onClose)
  }

  onConnect(abort: (error?: Error) => void): void {
    this.#abort = abort
    if (this.#isOver || this.#try.response.destroyed) abort()
  }

  onResponseStarted(): void {
    this.#hasBegun = true
  }

  onHeaders(status: number, raw: Buffer[], resume: () => void, statusText: string): boolean {
    const { isMounted, response, upstream } = this.#try
    if (status < 200) {
      if (!this.#isOver && this.#try.httpVersion === '1.1') sendInformational(response, status, raw)
      return true
    }
    if (this.#isOver) return true
    const { length, headers, isEventStream, advertisesKeepAlive, trailer } = responseHeaders(raw)
    if (advertisesKeepAlive) upstream.saysHowLong = true
    if (length !== null) this.#left = length
    if (trailer !== undefined && this.#mayTrail(status, length !== null)) headers.push('trailer', trailer)
    // Where something was set before, Node 20 keeps of several headers of one name the last.
    const taken = isMounted ? groupByName(headers) : headers
    // What it throws of a head that Node does not take is told below, as long as nothing was sent.
    response.writeHead(status, reasonOf(statusText), taken)
    this.#isAnswering = true
    this.#resume = resume
    // One that says how long it is ends by itself, and cannot be ended in order before that.
    if (isEventStream && length === null) this.#becomeStream()
    // A body that came along is sent in one piece with the head.
    queueMicrotask(() => {
      if (!this.#hasWritten && !this.#isOver) response.flushHeaders()
    })
    return true
  }

  onData(chunk: Buffer): boolean {
    this.#hasWritten = true
    this.#left -= chunk.length
    // After the last byte a pause would keep nothing back, but take the end of an idle connection for one in the middle.
    if (this.#isOver || this.#try.response.write(chunk) || this.#left === 0) return true
    // Node tells of room even inside a write of ours, and so inside the very parser that is to go on.
    this.#onDrain ??= () => queueMicrotask(this.#resume as () => void)
    this.#try.response.once('drain', this.#onDrain)
    return false
  }

  onComplete(trailers: (string | Buffer)[] | null): void {
    const { response } = this.#try
    if (this.#isOver) return
    if (trailers && trailers.length > 0 && response.chunkedEncoding) addTrailers(response, trailers)
    response.end()
    this.#finish('over')
  }

  onUpgrade(_status: number, headers: Buffer[] | string[] | null, socket: Duplex): void {
    socket.on('error', () => {})
    if (this.#isOver) socket.destroy()
    else this.#finish({ socket, headers: (headers ?? []) as Buffer[] })
  }

  onError(error: Error): void {
    if (!this.#isOver) this.#finish(this.#outcomeOf(error))
  }

  /** A stream of events ends here: whoever reads it connects again. */
  end(): void {
    if (this.#isOver) return
    this.#try.response.end()
    this.#finish('over')
    this.#abort?.()
  }

  #outcomeOf(error: Error): ExchangeResult {
    const { body, method, response, upstream } = this.#try
    if (error instanceof ClientGone) return 'over'
    if (this.#isAnswering) {
      // Half an answer must not look like a whole one.
      response.destroy()
      return 'over'
    }
    if (error instanceof BodyTooLarge) return BODY_TOO_LARGE_PAGE
    if (REFUSED.has(codeOf(error) ?? '')) return { status: 400, text: 'A header cannot be passed on.' }
    if (this.#abort === null) return 'unsent'
    if (codeOf(error) === 'UND_ERR_HEADERS_TIMEOUT')
      return { status: 504, text: 'The app did not answer in time.' }
    if (!this.#hasBegun && isRepeatable(method, body)) return { lostBy: upstream }
    return { status: 502, text: 'The app closed the connection before it had answered.' }
  }

  readonly #onClose = (): void => {
    if (this.#isOver) return
    this.#finish('over')
    this.#abort?.()
  }

  #finish(outcome: ExchangeResult): void {
    const { body, response, upstream } = this.#try
    this.#isOver = true
    response.off('close', this.#onClose)
    if (this.#onDrain) response.off('drain', this.#onDrain)
    if (this.#isStream) upstream.leaveStream(this)
    else upstream.leave()
    if (outcome === 'over') body?.destroy()
    this.#settle(outcome)
  }

  /** It may last for ever, so nobody who drains waits for it; and its reader may vanish without a word. */
  #becomeStream(): void {
    const { response, upstream } = this.#try
    this.#isStream = true
    upstream.enterStream(this)
    upstream.leave()
    response.socket?.setKeepAlive(true, KEEP_ALIVE_MS)
  }

  /** Node throws where a `Trailer` header is not followed by chunks. */
  #mayTrail(status: number, hasLength: boolean): boolean {
    const { httpVersion, method } = this.#try
    return !hasLength && method !== 'HEAD' && httpVersion === '1.1' && !BODILESS.has(status)
  }
}
