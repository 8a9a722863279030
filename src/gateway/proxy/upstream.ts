import type { Duplex, Readable } from 'node:stream'
import { type Dispatcher, Pool } from 'undici'
import type { Sys } from '../../sys.ts'
import type { ChildInfo, Target } from '../../types/child.ts'
import type { FlatHeaders } from '../http/headers.ts'
import { Connector } from './connector.ts'
import { InFlight } from './in-flight.ts'

/**
 * How long an idle connection is kept if the process does not send `Keep-Alive: timeout=`, as Node's servers do. This
 * is shorter than in any server in use, so that no server closes the connection while a request is on its way
 * (docs/hazards.md#h56).
 */
const IDLE_MS = 1_000
/** Maximum size of a response head. */
const MAX_HEAD_BYTES = 64 * 1024

/** A request as it is sent to a child, in the form that undici takes. */
export interface OutgoingRequest {
  readonly method: string
  readonly path: string
  readonly headers: FlatHeaders
  readonly body: Readable | null
  /** Protocol to switch to; null for an HTTP request. */
  readonly upgrade: string | null
  /** Sends it on a new connection, because the process may be closing an idle one. */
  readonly dedicated: boolean
  /** Milliseconds until the head of the response must have arrived; `0` for no limit. */
  readonly headersTimeout: number
}

/**
 * Receives what comes back. No method may throw. Exactly one of `onComplete`, `onUpgrade` and `onError` is called, and
 * only once.
 */
export interface ResponseHandler {
  /** The request is about to be written. From now on, `abort` ends it. */
  onConnect(abort: (error?: Error) => void): void
  /** The first byte of the response has arrived. */
  onResponseStarted(): void
  /** Also called for informational responses, with a status below 200. */
  onHeaders(status: number, headers: Buffer[], resume: () => void, statusText: string): boolean
  /** Returns false to pause the response until `resume` is called. */
  onData(chunk: Buffer): boolean
  onComplete(trailers: string[] | null): void
  onUpgrade(status: number, headers: Buffer[] | string[] | null, socket: Duplex): void
  onError(error: Error): void
}

/** Something that outlasts a request: an upgraded connection or an event stream. */
export interface OpenStream {
  /** Ends it in order. */
  end(): void
}

/** The connections to one process of a child, and what is in flight on them. The next process gets another upstream. */
export class Upstream {
  readonly pid: number | null
  /** Number of crashes of the child before this process served. */
  readonly crashes: number
  /** True if the process states how long it keeps an idle connection. No connection is then used after that time. */
  advertisesKeepAlive = false
  readonly #pool: Pool
  readonly #newPool: () => Pool
  /** Pools of requests that got a dedicated connection. */
  readonly #oneShot = new Set<Pool>()
  readonly #streams = new Set<OpenStream>()
  readonly #requests = new InFlight()
  readonly #all = new InFlight()
  #isRetired = false

  constructor(sys: Sys, target: Target, { crashes, pid }: Pick<ChildInfo, 'crashes' | 'pid'>) {
    this.pid = pid
    this.crashes = crashes
    const connector = new Connector(sys, target)
    this.#newPool = () =>
      new Pool('http://localhost', {
        connect: (_options, done) =>
          connector.connect((error, socket) => (error ? done(error, null) : done(null, socket as never))),
        keepAliveTimeout: IDLE_MS,
        maxHeaderSize: MAX_HEAD_BYTES,
        bodyTimeout: 0,
      })
    this.#pool = this.#newPool()
  }

  send(request: OutgoingRequest, handler: ResponseHandler): void {
    const pool = request.dedicated ? this.#newPool() : this.#pool
    pool.dispatch(request as Dispatcher.DispatchOptions, handler)
    if (request.dedicated) this.#closeAfter(pool)
  }

  /** A request begins. */
  enter(): void {
    this.#requests.enter()
    this.#all.enter()
  }

  /** A request has ended. Call this exactly once for each `enter`. */
  leave(): void {
    this.#requests.leave()
    this.#all.leave()
  }

  /** A stream begins. */
  enterStream(stream: OpenStream): void {
    this.#streams.add(stream)
    this.#all.enter()
  }

  /** A stream has ended. Call this exactly once for each `enterStream`. */
  leaveStream(stream: OpenStream): void {
    this.#streams.delete(stream)
    this.#all.leave()
  }

  /** Resolves when no request is in flight. Streams may be. */
  whenIdle(): Promise<void> {
    return this.#requests.whenIdle()
  }

  /** Resolves when neither requests nor streams are in flight. */
  whenEmpty(): Promise<void> {
    return this.#all.whenIdle()
  }

  get isRetired(): boolean {
    return this.#isRetired
  }

  /** Closes idle connections. What is in flight goes on. */
  retire(): void {
    this.#isRetired = true
    for (const pool of this.#pools()) void pool.close().catch(() => {})
  }

  endStreams(): void {
    for (const stream of [...this.#streams]) stream.end()
  }

  /** Ends streams, and aborts requests. */
  destroy(): void {
    this.endStreams()
    for (const pool of this.#pools()) void pool.destroy().catch(() => {})
  }

  /**
   * Closes a pool after its only request. The request has no `Connection: close`, because a child that responds early
   * would then close the connection while the body is arriving, and the reset would destroy the response.
   */
  #closeAfter(pool: Pool): void {
    this.#oneShot.add(pool)
    const forget = (): void => void this.#oneShot.delete(pool)
    pool.close().then(forget, forget)
  }

  #pools(): Pool[] {
    return [this.#pool, ...this.#oneShot]
  }
}
