import type { Duplex, Readable } from 'node:stream'
import { Pool } from 'undici'
import type { Sys, Target } from '../sys.ts'
import { Connector } from './connect.ts'
import type { FlatHeaders } from './headers.ts'
import { UnderWay } from './under-way.ts'

/**
 * An idle connection is kept for so long when the process does not say how long it keeps it, as Node's servers do: less
 * than any server that is in use, so that none closes it while a request is on its way (HAZARDS H56).
 */
const IDLE_MS = 1_000
/** As soon as undici can, whatever the child allows. */
const AT_ONCE = { keepAliveTimeout: 1, keepAliveMaxTimeout: 1 } as const
/** What the head of an answer may measure. */
const MAX_HEAD = 64 * 1024

/** A request as it is sent to a child. */
export interface Sent {
  readonly method: string
  readonly path: string
  readonly headers: FlatHeaders
  readonly body: Readable | null
  /** The protocol that is asked for instead of HTTP. */
  readonly upgrade: string | null
  /** On a connection of its own, rather than on one that the process may be closing. */
  readonly isAlone: boolean
  /** Milliseconds until the head of the answer must be there; `0` for ever. */
  readonly headTimeout: number
}

/** Who hears what comes back; nothing of it may throw. Of `onComplete`, `onUpgrade` and `onError` exactly one is called. */
export interface Answering {
  /** It is about to be written; `abort` ends it from now on. */
  onConnect(abort: (error?: Error) => void): void
  /** The first byte of the answer is there. */
  onResponseStarted(): void
  /** Also for informational ones, below 200. */
  onHeaders(status: number, headers: Buffer[], resume: () => void, statusText: string): boolean
  /** False pauses it until `resume` is called. */
  onData(chunk: Buffer): boolean
  onComplete(trailers: string[] | null): void
  onUpgrade(status: number, headers: Buffer[] | string[] | null, socket: Duplex): void
  onError(error: Error): void
}

/** What lasts longer than a request: an upgraded connection, a stream of events. */
export interface Stream {
  /** Ends it in an orderly way. */
  end(): void
}

/** The way to one process of a child: its connections, and what is under way on them. The next process gets another. */
export class Upstream {
  readonly pid: number | null
  /** Whether the process says how long it keeps a connection that nobody uses. Then none is used after that. */
  saysHowLong = false
  readonly #pool: Pool
  readonly #newPool: (idle: Pool.Options) => Pool
  /** Made when it is needed: each request on it gets a connection that is closed after it. */
  #lonely: Pool | null = null
  readonly #streams = new Set<Stream>()
  readonly #requests = new UnderWay()
  readonly #all = new UnderWay()
  #isRetired = false

  constructor(sys: Sys, target: Target, pid: number | null) {
    this.pid = pid
    const connector = new Connector(sys, target)
    this.#newPool = (idle) =>
      new Pool('http://localhost', {
        connect: (_options, done) =>
          connector.connect((error, socket) => (error ? done(error, null) : done(null, socket as never))),
        ...idle,
        maxHeaderSize: MAX_HEAD,
        bodyTimeout: 0,
      })
    this.#pool = this.#newPool({ keepAliveTimeout: IDLE_MS })
  }

  /** Requests and streams under way. */
  get load(): { readonly requests: number; readonly streams: number } {
    return { requests: this.#requests.count, streams: this.#streams.size }
  }

  send({ headTimeout, isAlone, ...sent }: Sent, answering: Answering): void {
    // Without keep-alive a child that answers early would close, and the reset would take its answer with it.
    if (isAlone) this.#lonely ??= this.#newPool(AT_ONCE)
    const pool = (isAlone && this.#lonely) || this.#pool
    pool.dispatch({ ...sent, method: sent.method as never, headersTimeout: headTimeout }, answering)
  }

  /** A request begins; the returned function says that it is over, and may be called more than once. */
  begin(): () => void {
    const [request, one] = [this.#requests.begin(), this.#all.begin()]
    return () => {
      request()
      one()
    }
  }

  /** A stream begins; the returned function says that it is over, and may be called more than once. */
  beginStream(stream: Stream): () => void {
    const one = this.#all.begin()
    this.#streams.add(stream)
    return () => {
      this.#streams.delete(stream)
      one()
    }
  }

  /** Resolves when no request is under way. */
  quiet(): Promise<void> {
    return this.#requests.quiet()
  }

  /** Resolves when nothing at all is under way. */
  empty(): Promise<void> {
    return this.#all.quiet()
  }

  get isRetired(): boolean {
    return this.#isRetired
  }

  /** Closes idle connections; what is under way goes on. */
  retire(): void {
    this.#isRetired = true
    for (const pool of this.#pools()) void pool.close().catch(() => {})
  }

  endStreams(): void {
    for (const stream of [...this.#streams]) stream.end()
  }

  /** Ends all of it. */
  destroy(): void {
    this.endStreams()
    for (const pool of this.#pools()) void pool.destroy().catch(() => {})
  }

  #pools(): Pool[] {
    return this.#lonely ? [this.#pool, this.#lonely] : [this.#pool]
  }
}
