import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { codeOf } from '../../errors.ts'
import { removeStale } from '../../probe.ts'
import type { Sys } from '../../sys.ts'
import { endSoon, KEEP_ALIVE_MS, STALLED_MS } from '../proxy/tunnel.ts'
import type { ListenSettings } from '../read-options.ts'
import { Connections } from './connections.ts'

/** Receives the requests of a server. */
export interface ServerHandlers {
  request(request: IncomingMessage, response: ServerResponse): void
  /** Receives a request whose client waits for `100 Continue` before it sends the body. */
  checkContinue(request: IncomingMessage, response: ServerResponse): void
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void
}

/** Address on which a gateway listens. */
export interface ListenAddress {
  /** `http://localhost:8080`, or null for a unix socket. */
  readonly url: string | null
  /** Null for a unix socket. */
  readonly port: number | null
}

const MAX_HEADER_BYTES = 16 * 1024
/** Milliseconds between Node's checks for requests that exceed their time limit. */
const CHECK_MS = 5_000
/** Both loopback addresses: browsers use either for `localhost`. */
const LOOPBACK_ADDRESSES = ['127.0.0.1', '::1'] as const
/** Attempts to find a port that is free on both loopback addresses, if the caller accepts any port. */
const MAX_ATTEMPTS = 10
/** Errors that mean that this machine does not have the address, for example without IPv6. */
const NO_SUCH_ADDRESS = new Set(['EADDRNOTAVAIL', 'EAFNOSUPPORT'])

/** Statuses for input that Node cannot parse as a request, by error code; 400 for all other codes. */
const PARSE_ERROR_STATUS: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
}

/** The servers of one `listen()`: one, or one for each loopback address. */
export class Servers {
  readonly address: ListenAddress
  readonly #servers: readonly http.Server[]
  readonly #connections = new Connections()
  #closed: Promise<void> | null = null

  private constructor(servers: readonly http.Server[], address: ListenAddress) {
    this.#servers = servers
    this.address = address
    for (const server of servers) this.#connections.watch(server)
  }

  static async listen(
    sys: Sys,
    handlers: ServerHandlers,
    settings: ListenSettings,
    attempts: number = MAX_ATTEMPTS,
  ): Promise<Servers> {
    const { host, path } = settings
    if (path !== null) {
      // A gateway that was killed has left its socket file behind.
      await removeStale(sys, path)
      return new Servers([await open(handlers, settings, { path })], { url: null, port: null })
    }
    const [first, ...others] = host === null ? LOOPBACK_ADDRESSES : [host]
    const server = await open(handlers, settings, { host: first, port: settings.port })
    const { port } = server.address() as AddressInfo
    const servers = [server]
    try {
      for (const other of others)
        servers.push(...(await openIfAvailable(handlers, settings, { host: other, port })))
    } catch (thrown) {
      for (const opened of servers) opened.close()
      const isTaken = settings.port === 0 && codeOf(thrown) === 'EADDRINUSE'
      if (isTaken && attempts > 1) return Servers.listen(sys, handlers, settings, attempts - 1)
      throw thrown
    }
    const urlHost = host === null ? 'localhost' : host.includes(':') ? `[${host}]` : host
    return new Servers(servers, { port, url: `http://${urlHost}:${port}` })
  }

  /** Accepts no new connections. Resolves when all existing connections have closed. */
  close(): Promise<void> {
    this.#closed ??= Promise.all(
      this.#servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve()))),
    ).then(() => {})
    return this.#closed
  }

  /** Closes the connections without a request under way. */
  closeIdle(): void {
    this.#connections.closeIdle()
  }

  /** Closes all connections. */
  destroy(): void {
    this.#connections.destroy()
  }
}

/** Opens a server; returns an empty array if this machine does not have the address. */
async function openIfAvailable(
  handlers: ServerHandlers,
  settings: ListenSettings,
  address: { readonly host: string; readonly port: number },
): Promise<http.Server[]> {
  try {
    return [await open(handlers, settings, address)]
  } catch (thrown) {
    if (NO_SUCH_ADDRESS.has(codeOf(thrown) ?? '')) return []
    throw thrown
  }
}

function open(handlers: ServerHandlers, settings: ListenSettings, address: object): Promise<http.Server> {
  const server = newServer(handlers, settings)
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(address, () => {
      server.off('error', reject)
      // Ignore later errors: without file descriptors, for example, accept() fails only for a while.
      server.on('error', () => {})
      resolve(server)
    })
  })
}

/** Returns a server whose limits keep slow clients from using all connections (docs/hazards.md#h54). */
function newServer(
  handlers: ServerHandlers,
  { headersTimeout, maxConnections, requestTimeout }: ListenSettings,
): http.Server {
  // Node requires whole milliseconds, and a time for the head that does not exceed the time for the request.
  const requestMs = Math.ceil(requestTimeout * 1_000)
  const headersMs = Math.min(Math.ceil(headersTimeout * 1_000), requestMs || Number.POSITIVE_INFINITY)
  const server = http.createServer({
    connectionsCheckingInterval: Math.min(CHECK_MS, headersMs),
    headersTimeout: headersMs,
    insecureHTTPParser: false,
    keepAlive: true,
    keepAliveInitialDelay: KEEP_ALIVE_MS,
    maxHeaderSize: MAX_HEADER_BYTES,
    noDelay: true,
    requestTimeout: requestMs,
  })
  server.maxConnections = maxConnections
  // Disable Node's own version, which server.close() calls: it would cut off a response that is still being sent.
  server.closeIdleConnections = () => {}
  server.setTimeout(STALLED_MS, (socket: Socket) => {
    if (socket.writableLength > 0) socket.destroy()
  })
  return server
    .on('request', (request, response) => handlers.request(request, response))
    .on('checkContinue', (request, response) => handlers.checkContinue(request, response))
    .on('upgrade', (request, socket, head) => handlers.upgrade(request, socket, head))
    .on('connect', (_request, socket) => refuse(socket, '405 Method Not Allowed'))
    .on('clientError', (error, socket) =>
      refuse(socket, PARSE_ERROR_STATUS[codeOf(error) ?? ''] ?? '400 Bad Request'),
    )
}

/** Sends a status without a response object, and ends the connection. */
function refuse(socket: Duplex, status: string): void {
  socket.on('error', () => {})
  // Do not append to a response that has begun: end the connection, so that the client sees that the response is cut off.
  const hasResponse = (socket as { _httpMessage?: ServerResponse })._httpMessage?.headersSent === true
  if (!hasResponse && socket.writable)
    socket.write(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`)
  endSoon(socket)
}
