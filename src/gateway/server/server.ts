import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { codeOf } from '../../errors.ts'
import { removeStale } from '../../probe.ts'
import type { Sys } from '../../sys.ts'
import { endSoon, KEEP_ALIVE_MS, STALLED_MS } from '../proxy/tunnel.ts'
import type { ListenSettings } from '../read-options.ts'
import { Connections } from './connections.ts'

/** What a server hands its requests to. */
export interface Handlers {
  request(request: IncomingMessage, response: ServerResponse): void
  /** The client waits to be told that it may send its body. */
  expectant(request: IncomingMessage, response: ServerResponse): void
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void
}

/** Where a server listens. */
export interface ListenAddress {
  /** `http://localhost:8080`, or null for a unix socket. */
  readonly url: string | null
  /** Null for a unix socket. */
  readonly port: number | null
}

const MAX_HEADER_BYTES = 16 * 1024
const CHECK_MS = 5_000
/** Both ways to this machine and no other: browsers take either for `localhost`. */
const LOOPBACK = ['127.0.0.1', '::1'] as const
/** A port that is free one way may be taken the other; where any will do, another one is tried. */
const TRIES = 10
/** There is no such way on this machine. */
const NO_SUCH_WAY = new Set(['EADDRNOTAVAIL', 'EAFNOSUPPORT'])

/** What is answered to what no request could be made of. */
const BROKEN: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
}

/** The servers of one `listen()`: one, or one for each way to this machine. */
export class Servers {
  readonly place: ListenAddress
  readonly #servers: readonly http.Server[]
  readonly #connections = new Connections()
  #closed: Promise<void> | null = null

  private constructor(servers: readonly http.Server[], place: ListenAddress) {
    this.#servers = servers
    this.place = place
    for (const server of servers) this.#connections.watch(server)
  }

  static async listen(
    sys: Sys,
    handlers: Handlers,
    settings: ListenSettings,
    tries: number = TRIES,
  ): Promise<Servers> {
    const { host, path } = settings
    if (path !== null) {
      // One that was killed has left its own behind.
      await removeStale(sys, path)
      return new Servers([await open(handlers, settings, { path })], { url: null, port: null })
    }
    const [first, ...others] = host === null ? LOOPBACK : [host]
    const server = await open(handlers, settings, { host: first, port: settings.port })
    const { port } = server.address() as AddressInfo
    const servers = [server]
    try {
      for (const other of others)
        servers.push(...(await openIfThere(handlers, settings, { host: other, port })))
    } catch (thrown) {
      for (const opened of servers) opened.close()
      const isTaken = settings.port === 0 && codeOf(thrown) === 'EADDRINUSE'
      if (isTaken && tries > 1) return Servers.listen(sys, handlers, settings, tries - 1)
      throw thrown
    }
    const shown = host === null ? 'localhost' : host.includes(':') ? `[${host}]` : host
    return new Servers(servers, { port, url: `http://${shown}:${port}` })
  }

  /** Takes no new connections; those without a request under way are closed. Resolves when all are. */
  close(): Promise<void> {
    this.#closed ??= Promise.all(
      this.#servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve()))),
    ).then(() => {})
    return this.#closed
  }

  /** Closes connections on which nothing is asked. */
  closeIdle(): void {
    this.#connections.closeIdle()
  }

  /** Closes all connections. */
  destroy(): void {
    this.#connections.destroy()
  }
}

async function openIfThere(
  handlers: Handlers,
  settings: ListenSettings,
  where: { readonly host: string; readonly port: number },
): Promise<http.Server[]> {
  try {
    return [await open(handlers, settings, where)]
  } catch (thrown) {
    if (NO_SUCH_WAY.has(codeOf(thrown) ?? '')) return []
    throw thrown
  }
}

function open(handlers: Handlers, settings: ListenSettings, where: object): Promise<http.Server> {
  const server = newServer(handlers, settings)
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(where, () => {
      server.off('error', reject)
      // Out of descriptors it cannot accept for a moment; that is no reason to end the host.
      server.on('error', () => {})
      resolve(server)
    })
  })
}

/** A server that slow clients cannot fill (docs/hazards.md#h54). */
function newServer(
  handlers: Handlers,
  { headersTimeout, maxConnections, requestTimeout }: ListenSettings,
): http.Server {
  // Node takes whole milliseconds, and a head for no longer than the request that it begins.
  const whole = Math.ceil(requestTimeout * 1_000)
  const head = Math.min(Math.ceil(headersTimeout * 1_000), whole || Number.POSITIVE_INFINITY)
  const server = http.createServer({
    connectionsCheckingInterval: Math.min(CHECK_MS, head),
    headersTimeout: head,
    insecureHTTPParser: false,
    keepAlive: true,
    keepAliveInitialDelay: KEEP_ALIVE_MS,
    maxHeaderSize: MAX_HEADER_BYTES,
    noDelay: true,
    requestTimeout: whole,
  })
  server.maxConnections = maxConnections
  // Of Node's own doing an answer that has been made, and is still being sent, would be cut off by a close.
  server.closeIdleConnections = () => {}
  server.setTimeout(STALLED_MS, (socket: Socket) => {
    if (socket.writableLength > 0) socket.destroy()
  })
  return server
    .on('request', (request, response) => handlers.request(request, response))
    .on('checkContinue', (request, response) => handlers.expectant(request, response))
    .on('upgrade', (request, socket, head) => handlers.upgrade(request, socket, head))
    .on('connect', (_request, socket) => refuse(socket, '405 Method Not Allowed'))
    .on('clientError', (error, socket) => refuse(socket, BROKEN[codeOf(error) ?? ''] ?? '400 Bad Request'))
}

function refuse(socket: Duplex, status: string): void {
  socket.on('error', () => {})
  // Half an answer must not be followed by another one; what there is of it is sent, and seen to be cut off.
  const hasAnswer = (socket as { _httpMessage?: ServerResponse })._httpMessage?.headersSent === true
  if (!hasAnswer && socket.writable)
    socket.write(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`)
  endSoon(socket)
}
