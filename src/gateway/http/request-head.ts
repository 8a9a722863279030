import { hostOf } from '../routing/host-names.ts'

/** The parts of a request that are read here. Node's `IncomingMessage` has this shape, and a test can pass any object. */
export interface RawRequest {
  readonly method?: string | undefined
  readonly url?: string | undefined
  readonly httpVersion: string
  /** Names and values in turn, as received. */
  readonly rawHeaders: readonly string[]
}

/** Length of a body in bytes; `'chunked'` if only its end shows the length. */
export type BodyLength = number | 'chunked'

/** Request line and framing of a request that may be forwarded. */
export interface RequestHead {
  readonly method: string
  /** Begins with exactly one `/`. */
  readonly path: string
  /** Normalised; null if the request has no valid host. */
  readonly host: string | null
  /** The `Host` header as received. */
  readonly hostHeader: string | undefined
  readonly body: BodyLength
}

/** Response to a request that is not forwarded. The text never repeats a part of the request. */
export interface BadRequest {
  readonly status: number
  readonly text: string
}

const badRequest = (status: number, text: string): BadRequest => ({ status, text })

export const isBadRequest = (value: string | object): value is BadRequest =>
  typeof value === 'object' && 'status' in value

/** Node drops headers beyond two thousand without an error; a dropped one could be a length or a second `Host`. */
const MAX_HEADERS = 1_000
const FRAMING_HEADERS = new Set(['host', 'content-length', 'transfer-encoding'])
const DIGITS = /^\d{1,15}$/
const ABSOLUTE_URL = /^https?:\/\/([^/?#]*)(.*)$/i
/** Visible ASCII and bytes above ASCII, without spaces, control characters and a fragment. */
const PATH = /^\/(?![/\\])[\x21\x22\x24-\x7e\x80-\xff]*$/

/**
 * Parses the head of a request, or returns the reason for refusing it (docs/hazards.md#h49). Node's parser has already
 * refused the worst requests. But it accepts two `Host` headers, absolute URLs and paths that begin with `//`, and a
 * host may run it in its lenient mode.
 */
export function parseRequestHead(raw: RawRequest): RequestHead | BadRequest {
  const { method = '' } = raw
  if (method === 'CONNECT' || method === 'TRACE')
    return badRequest(405, 'The gateway does not forward this method.')
  if (raw.rawHeaders.length > 2 * MAX_HEADERS) return badRequest(431, 'The request has too many headers.')
  const framing = framingOf(raw.rawHeaders)
  if (framing === null) return badRequest(400, 'The request repeats a header that must appear only once.')
  const { host: hostHeader } = framing
  const body = bodyOf(framing, raw.httpVersion)
  if (typeof body === 'object') return body
  const path = pathOf(raw.url ?? '', hostHeader)
  if (path === null) return badRequest(400, 'The gateway cannot forward the path of this request.')
  return { method, path, hostHeader, host: cachedHostOf(hostHeader), body }
}

/** Limits the memory of the cache: a gateway serves few hosts, and each of them again and again. */
const MAX_CACHED_HOSTS = 256
const cachedHosts = new Map<string | undefined, string | null>()

function cachedHostOf(header: string | undefined): string | null {
  const cached = cachedHosts.get(header)
  if (cached !== undefined) return cached
  const host = hostOf(header)
  if (cachedHosts.size >= MAX_CACHED_HOSTS) cachedHosts.clear()
  cachedHosts.set(header, host)
  return host
}

interface Framing {
  readonly host: string | undefined
  readonly length: string | undefined
  readonly encoding: string | undefined
}

/** Reads the three headers that decide where a request goes and where it ends; null if one of them is repeated. */
function framingOf(rawHeaders: readonly string[]): Framing | null {
  const found = new Map<string, string>()
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const raw = rawHeaders[at] as string
    // Compare lengths first, because that is cheap: the three names have 4, 14 and 17 characters.
    if (raw.length !== 4 && raw.length !== 14 && raw.length !== 17) continue
    const name = raw.toLowerCase()
    if (!FRAMING_HEADERS.has(name)) continue
    if (found.has(name)) return null
    found.set(name, rawHeaders[at + 1] as string)
  }
  return {
    host: found.get('host'),
    length: found.get('content-length'),
    encoding: found.get('transfer-encoding'),
  }
}

function bodyOf({ length, encoding }: Framing, httpVersion: string): BodyLength | BadRequest {
  if (encoding !== undefined) {
    if (length !== undefined)
      return badRequest(400, 'The request has both Content-Length and Transfer-Encoding.')
    if (httpVersion !== '1.1') return badRequest(400, 'HTTP/1.0 does not support Transfer-Encoding.')
    return encoding.trim().toLowerCase() === 'chunked'
      ? 'chunked'
      : badRequest(501, 'The gateway supports only the transfer encoding chunked.')
  }
  if (length === undefined) return 0
  return DIGITS.test(length) ? Number(length) : badRequest(400, 'Content-Length must be a number.')
}

/**
 * Returns the path of a URL; null if it cannot be forwarded. An absolute URL must name the same host as the header:
 * otherwise the gateway and the child could read different hosts.
 */
function pathOf(url: string, hostHeader: string | undefined): string | null {
  const absolute = ABSOLUTE_URL.exec(url)
  if (!absolute) return PATH.test(url) ? url : null
  const [, authority = '', rest = ''] = absolute
  if (authority === '' || authority.toLowerCase() !== hostHeader?.toLowerCase()) return null
  const path = rest.startsWith('/') ? rest : `/${rest}`
  return PATH.test(path) ? path : null
}

/** Upgrades to other forms of HTTP, which would carry requests that the gateway does not see. */
const HTTP_PROTOCOL = /^(?:h2c?|http|tls)(?:$|\/)/i
const PROTOCOL = /^[\w!#$%&'*+.^`|~-]+(?:\/[\w!#$%&'*+.^`|~-]+)?$/

/** Returns the protocol that an upgrade requests, or the reason for refusing it. */
export function readUpgrade(raw: RawRequest, head: RequestHead): string | BadRequest {
  const offered = raw.rawHeaders.filter(
    (_value, at, all) => at % 2 === 1 && all[at - 1]?.toLowerCase() === 'upgrade',
  )
  const [protocol = ''] = offered
  if (head.method !== 'GET' || head.body !== 0 || raw.httpVersion !== '1.1')
    return badRequest(400, 'Only an HTTP/1.1 GET request without a body can be upgraded.')
  if (offered.length !== 1 || !PROTOCOL.test(protocol))
    return badRequest(400, 'An upgrade must name exactly one valid protocol.')
  return HTTP_PROTOCOL.test(protocol)
    ? badRequest(501, 'The gateway does not forward upgrades to this protocol.')
    : protocol
}
