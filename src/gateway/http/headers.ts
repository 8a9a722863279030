import type { BodyLength } from './request-head.ts'

/** Names and values in turn. */
export type FlatHeaders = string[]

/**
 * Headers that are valid for one connection only (RFC 9110, 7.6.1), or that each sender sets itself. `proxy` is among
 * them because programs that put headers into their environment would turn it into `HTTP_PROXY`.
 */
const HOP_BY_HOP = [
  'connection',
  'http2-settings',
  'keep-alive',
  'proxy',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]

/** Headers that the gateway sets itself, so the client's are dropped. Add each new header of the gateway here. */
const SET_BY_GATEWAY = ['content-length', 'expect', 'forwarded', 'host', 'x-real-ip']
/** Prefix of further headers that only the gateway sets. */
const FORWARDED_PREFIX = 'x-forwarded-'

const DROPPED_FROM_REQUEST = new Set([...HOP_BY_HOP, ...SET_BY_GATEWAY])
const DROPPED_FROM_RESPONSE = new Set(HOP_BY_HOP)

/** Returns true for request headers that are not forwarded. `_` counts as `-`, because many programs treat them alike. */
const isDropped = (name: string): boolean => {
  const plain = name.includes('_') ? name.replaceAll('_', '-') : name
  return DROPPED_FROM_REQUEST.has(plain) || plain.startsWith(FORWARDED_PREFIX)
}

/** Returns the tokens of a list such as `Connection`, in lower case; null if it is missing or names no header. */
export function tokensOf(list: string | undefined): ReadonlySet<string> | null {
  if (list === undefined || list === 'keep-alive' || list === 'close') return null
  const tokens = list.toLowerCase().split(',')
  return new Set(tokens.map((token) => token.trim()).filter((token) => token !== ''))
}

/** Input of {@link requestHeaders} besides the raw headers of the request. */
export interface RequestParts {
  /** All `Connection` headers of the request, joined. */
  readonly connection: string | undefined
  /** All `TE` headers of the request, joined. */
  readonly te: string | undefined
  readonly hostHeader: string | undefined
  readonly body: BodyLength
  /** Headers that describe the client; see `forwardedHeaders`. */
  readonly forwarded: FlatHeaders
}

/** Returns the headers for the child, in the client's order (docs/hazards.md#h49, docs/hazards.md#h50). */
export function requestHeaders(
  raw: readonly string[],
  { body, connection, forwarded, hostHeader, te }: RequestParts,
): FlatHeaders {
  const headers: FlatHeaders = hostHeader === undefined ? [] : ['host', hostHeader]
  const listed = tokensOf(connection)
  for (let at = 0; at < raw.length; at += 2) {
    const name = raw[at] as string
    const lower = name.toLowerCase()
    if (!isDropped(lower) && !listed?.has(lower)) headers.push(name, raw[at + 1] as string)
  }
  if (typeof body === 'number' && body > 0) headers.push('content-length', String(body))
  if (acceptsTrailers(te)) headers.push('te', 'trailers')
  for (const each of forwarded) headers.push(each)
  return headers
}

const acceptsTrailers = (te: string | undefined): boolean =>
  te !== undefined && tokensOf(te)?.has('trailers') === true

/** Returns all values of a header as one list; undefined if the header is missing. */
function joinedValues(raw: readonly string[], wanted: string): string | undefined {
  let found: string | undefined
  for (let at = 0; at < raw.length; at += 2) {
    const name = raw[at] as string
    if (name.length !== wanted.length || name.toLowerCase() !== wanted) continue
    found = found === undefined ? raw[at + 1] : `${found},${raw[at + 1]}`
  }
  return found
}

/** The headers of a child's response, and what they say about the response and the connection. */
export interface ResponseHeaders {
  /** Headers for the client. */
  readonly headers: FlatHeaders
  /** Bytes of the body; null if the child does not announce its length. */
  readonly length: number | null
  readonly isEventStream: boolean
  /** True if the child announces how long it keeps an idle connection. */
  readonly advertisesKeepAlive: boolean
  /** Names of the trailers that the child announces. */
  readonly trailer: string | undefined
}

/** Reads the headers of a child's response. Decodes bytes as Latin-1, as Node encodes them, so each byte is kept. */
export function responseHeaders(raw: readonly Buffer[]): ResponseHeaders {
  const flat = raw.map((bytes) => bytes.toString('latin1'))
  const listed = tokensOf(joinedValues(flat, 'connection'))
  const headers: FlatHeaders = []
  let length: number | null = null
  let isEventStream = false
  let advertisesKeepAlive = false
  for (let at = 0; at < flat.length; at += 2) {
    const [name, value] = [flat[at] as string, flat[at + 1] as string]
    const lower = name.toLowerCase()
    if (lower === 'keep-alive') advertisesKeepAlive = value.includes('timeout=')
    if (DROPPED_FROM_RESPONSE.has(lower)) continue
    if (lower === 'content-length') length = Number(value)
    else if (listed?.has(lower)) continue
    if (lower === 'content-type') isEventStream = value.toLowerCase().startsWith('text/event-stream')
    headers.push(name, value)
  }
  return { headers, length, isEventStream, advertisesKeepAlive, trailer: joinedValues(flat, 'trailer') }
}

/** Returns headers as an object by name; the values of a repeated header become an array. */
export function groupByName(headers: FlatHeaders): Record<string, string | string[]> {
  const grouped: Record<string, string | string[]> = Object.create(null)
  const spellings = new Map<string, string>()
  for (let at = 0; at < headers.length; at += 2) {
    const [name, value] = [headers[at] as string, headers[at + 1] as string]
    const first = spellings.get(name.toLowerCase())
    if (first === undefined) spellings.set(name.toLowerCase(), name)
    grouped[first ?? name] = first === undefined ? value : [grouped[first] as string, value].flat()
  }
  return grouped
}

/** Fields that must not be trailers, because they control framing, routing or interpretation (RFC 9110, 6.5.1). */
const NOT_A_TRAILER = new Set([
  ...DROPPED_FROM_REQUEST,
  'content-encoding',
  'content-range',
  'content-type',
  'set-cookie',
])

/** Returns the trailers for the client as pairs of name and value. */
export function responseTrailers(raw: readonly (string | Buffer)[]): [string, string][] {
  const flat = raw.map((item) => (typeof item === 'string' ? item : item.toString('latin1')))
  const pairs: [string, string][] = []
  for (let at = 0; at + 1 < flat.length; at += 2) {
    const [name, value] = [flat[at] as string, flat[at + 1] as string]
    if (!NOT_A_TRAILER.has(name.toLowerCase())) pairs.push([name, value])
  }
  return pairs
}
