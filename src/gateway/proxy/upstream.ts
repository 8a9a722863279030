import type { Duplex, Readable } from 'node:stream'
import { type Dispatcher, Pool } from 'undici'
import type { Sys } from '../../sys.ts'
import type { ChildInfo, Target } from '../../types/child.ts'
import type { FlatHeaders } from '../http/headers.ts'
import { Connector } from './connector.ts'
import { InFlight } from './in-flight.ts'

/**
 * An idle connection is kept for so long when the process does not say how long it keeps it, as Node's
 * servers do: less than any server that is in use, so that none closes it while a request is on its way
 * (docs/hazards.md#h56).
 */
const IDLE_MS = 1_000
/** What the head of an answer may measure. */
const MAX_HEAD = 64 * 1024

/** A request as it is sent to a child, in the form that undici takes. */
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
  readonly headersTimeout: number
}

/** Who hears what comes back; nothing of it may throw. Of `onComplete`, `onUpgrade` and `onError` exactly one is called. */
export interface ResponseHandler {
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
  /** How often the child had crashed before this process served. */
  readonly crashes: number
  /** Whether the process says how long it keeps a connection that nobody uses. Then none is used after that. */
  saysHowLong = false
  readonly #pool: Pool
  readonly #newPool: () => Pool
  /** Of requests on connections of their own. */
  readonly #lonely = new Set<Pool>()
  readonly #streams = new Set<Stream>()
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
        maxHeaderSize: MAX_HEAD,
        bodyTimeout: 0,
      })
    this.#pool = this.#newPool()
  }

  /** Requests and streams under way. */
  get load(): { readonly requests: number; readonly streams: number } {
    return { requests: this.#requests.count, streams: this.#streams.size }
  }

  send(sent: Sent, answering: ResponseHandler): void {
    const pool = sent.isAlone ? this.#newPool() : this.#pool
    pool.dispatch(sent as Dispatcher.DispatchOptions, answering)
    if (sent.isAlone) this.#closeAfter(pool)
  }

  /** A request begins. */
  enter(): void {
    this.#requests.enter()
    this.#all.enter()
  }

  /** A request is over: once for each that has begun. */
  leave(): void {
    this.#requests.leave()
    this.#all.leave()
  }

  /** A stream begins. */
  enterStream(stream: Stream): void {
    this.#streams.add(stream)
    this.#all.enter()
  }

  /** A stream is over: once for each that has begun. */
  leaveStream(stream: Stream): void {
    this.#streams.delete(stream)
    this.#all.leave()
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

  /**
   * The connection is closed when its one request is over. The child is not told so beforehand: one that answers early would
   * close it under what still comes, and that takes the answer along.
   */
  #closeAfter(pool: Pool): void {
    this.#lonely.add(pool)
    const forget = (): void => void this.#lonely.delete(pool)
    pool.close().then(forget, forget)
  }

  #pools(): Pool[] {
    return [this.#pool, ...this.#lonely]
  }
}
