import type { BodyLength } from './request-head.ts'

/** Names and values in turn. */
export type FlatHeaders = string[]

/**
 * For this connection only (RFC 9110, 7.6.1), or said anew by whoever sends next. `proxy` would become `HTTP_PROXY`
 * in programs that put headers into their environment.
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

/** What the gateway says itself, so that nobody else can. */
const SAID_HERE = ['content-length', 'expect', 'forwarded', 'host', 'x-real-ip']
const FORWARDED = 'x-forwarded-'

const NOT_PASSED_ON = new Set([...HOP_BY_HOP, ...SAID_HERE])
const NOT_ANSWERED = new Set(HOP_BY_HOP)

/** Many programs take `_` for `-`, so a header that is ours may not come in that guise either. */
const isOurs = (name: string): boolean => {
  const plain = name.includes('_') ? name.replaceAll('_', '-') : name
  return NOT_PASSED_ON.has(plain) || plain.startsWith(FORWARDED)
}

/** What a `Connection` header names besides the two words that name nothing. */
export function listedIn(connection: string | undefined): ReadonlySet<string> | null {
  if (connection === undefined || connection === 'keep-alive' || connection === 'close') return null
  const names = connection.toLowerCase().split(',')
  return new Set(names.map((name) => name.trim()).filter((name) => name !== ''))
}

/** What is passed on of a request's headers besides what it came with. */
export interface RequestParts {
  /** What the request said of the connection it came on, all of it. */
  readonly connection: string | undefined
  readonly te: string | undefined
  readonly hostHeader: string | undefined
  readonly body: BodyLength
  readonly forwarded: FlatHeaders
}

/** The headers that a child gets, in the order in which they came (docs/hazards.md#h49, #h50). */
export function requestHeaders(
  raw: readonly string[],
  { body, connection, forwarded, hostHeader, te }: RequestParts,
): FlatHeaders {
  const headers: FlatHeaders = hostHeader === undefined ? [] : ['host', hostHeader]
  const listed = listedIn(connection)
  for (let at = 0; at < raw.length; at += 2) {
    const name = raw[at] as string
    const lower = name.toLowerCase()
    if (!isOurs(lower) && !listed?.has(lower)) headers.push(name, raw[at + 1] as string)
  }
  if (typeof body === 'number' && body > 0) headers.push('content-length', String(body))
  if (takesTrailers(te)) headers.push('te', 'trailers')
  for (const each of forwarded) headers.push(each)
  return headers
}

const takesTrailers = (te: string | undefined): boolean =>
  te !== undefined && listedIn(te)?.has('trailers') === true

/** All values of a header as one list; undefined when it is not there. */
function joined(raw: readonly string[], wanted: string): string | undefined {
  let found: string | undefined
  for (let at = 0; at < raw.length; at += 2) {
    const name = raw[at] as string
    if (name.length !== wanted.length || name.toLowerCase() !== wanted) continue
    found = found === undefined ? raw[at + 1] : `${found},${raw[at + 1]}`
  }
  return found
}

/** What an answer's headers say, and what the client gets of them. */
export interface AnswerHeaders {
  readonly headers: FlatHeaders
  /** Bytes of the body, where the child says so. */
  readonly length: number | null
  readonly isEventStream: boolean
  /** The child says how long it keeps a connection that nobody uses. */
  readonly saysHowLong: boolean
  /** Which fields the child announced to send after the body. */
  readonly trailer: string | undefined
}

/** The headers of an answer as the client gets them. Bytes stay as they are: Latin-1 both ways. */
export function answerHeaders(raw: readonly Buffer[]): AnswerHeaders {
  const flat = raw.map((bytes) => bytes.toString('latin1'))
  const listed = listedIn(joined(flat, 'connection'))
  const headers: FlatHeaders = []
  let length: number | null = null
  let isEventStream = false
  let saysHowLong = false
  for (let at = 0; at < flat.length; at += 2) {
    const [name, value] = [flat[at] as string, flat[at + 1] as string]
    const lower = name.toLowerCase()
    if (lower === 'keep-alive') saysHowLong = value.includes('timeout=')
    if (NOT_ANSWERED.has(lower)) continue
    if (lower === 'content-length') length = Number(value)
    else if (listed?.has(lower)) continue
    if (lower === 'content-type') isEventStream = value.toLowerCase().startsWith('text/event-stream')
    headers.push(name, value)
  }
  return { headers, length, isEventStream, saysHowLong, trailer: joined(flat, 'trailer') }
}

/** The same by name, the values of one that comes again in one list. */
export function together(headers: FlatHeaders): Record<string, string | string[]> {
  const found: Record<string, string | string[]> = Object.create(null)
  const names = new Map<string, string>()
  for (let at = 0; at < headers.length; at += 2) {
    const [name, value] = [headers[at] as string, headers[at + 1] as string]
    const first = names.get(name.toLowerCase())
    if (first === undefined) names.set(name.toLowerCase(), name)
    found[first ?? name] = first === undefined ? value : [found[first] as string, value].flat()
  }
  return found
}

/** Fields that say how a message is framed, routed or understood must not come after it (RFC 9110, 6.5.1). */
const NOT_AFTER = new Set([
  ...NOT_PASSED_ON,
  'content-encoding',
  'content-range',
  'content-type',
  'set-cookie',
])

/** What the client gets of the fields after a body, pair by pair. */
export function answerTrailers(raw: readonly (string | Buffer)[]): [string, string][] {
  const flat = raw.map((item) => (typeof item === 'string' ? item : item.toString('latin1')))
  const pairs: [string, string][] = []
  for (let at = 0; at + 1 < flat.length; at += 2) {
    const [name, value] = [flat[at] as string, flat[at + 1] as string]
    if (!NOT_AFTER.has(name.toLowerCase())) pairs.push([name, value])
  }
  return pairs
}
