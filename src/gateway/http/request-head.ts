import { hostOf } from '../routing/host-names.ts'

/** What is read of a request, so that a test can hand in any. Node's `IncomingMessage` fits. */
export interface Head {
  readonly method?: string | undefined
  readonly url?: string | undefined
  readonly httpVersion: string
  /** Names and values in turn, as they came. */
  readonly rawHeaders: readonly string[]
}

/** How long the body is; `'chunked'` when that is seen at its end. */
export type BodyLength = number | 'chunked'

/** A request that may be passed on, as far as its first line and its framing go. */
export interface RequestHead {
  readonly method: string
  /** Begins with exactly one `/`. */
  readonly path: string
  /** Normalised; null where the request names none, or none that could be. */
  readonly host: string | null
  /** As it came. */
  readonly hostHeader: string | undefined
  readonly body: BodyLength
}

/** Why a request is not passed on. The text never repeats what the request said. */
export interface BadRequest {
  readonly status: number
  readonly text: string
}

const refusal = (status: number, text: string): BadRequest => ({ status, text })

export const isBadRequest = (value: string | object): value is BadRequest =>
  typeof value === 'object' && 'status' in value

/** Node leaves out what comes after two thousand, and says nothing of it: a length, or a second host. */
const MOST_HEADERS = 1_000
const FRAMING = new Set(['host', 'content-length', 'transfer-encoding'])
const DIGITS = /^\d{1,15}$/
const ABSOLUTE = /^https?:\/\/([^/?#]*)(.*)$/i
/** Visible ASCII and what lies above ASCII; neither space, control characters nor a fragment. */
const PATH = /^\/(?![/\\])[\x21\x22\x24-\x7e\x80-\xff]*$/

/**
 * What a request asks for, or why it is refused (docs/hazards.md#h49). Node's parser has refused the worst
 * already, but it takes two `Host` headers, absolute addresses and `//` in front, and a host may run it in
 * its lenient mode.
 */
export function parseRequestHead(head: Head): RequestHead | BadRequest {
  const { method = '' } = head
  if (method === 'CONNECT' || method === 'TRACE') return refusal(405, 'This method is not passed on.')
  if (head.rawHeaders.length > 2 * MOST_HEADERS) return refusal(431, 'The request has too many headers.')
  const framing = framingOf(head.rawHeaders)
  if (framing === null) return refusal(400, 'A header that may be there once is there twice.')
  const { host: hostHeader } = framing
  const body = bodyOf(framing, head.httpVersion)
  if (typeof body === 'object') return body
  const path = pathOf(head.url ?? '', hostHeader)
  if (path === null) return refusal(400, 'The request does not name a path that can be passed on.')
  return { method, path, hostHeader, host: knownHost(hostHeader), body }
}

/** There are few, and each is asked for again and again. */
const MOST_HOSTS = 256
const hosts = new Map<string | undefined, string | null>()

function knownHost(header: string | undefined): string | null {
  const known = hosts.get(header)
  if (known !== undefined) return known
  const host = hostOf(header)
  if (hosts.size >= MOST_HOSTS) hosts.clear()
  hosts.set(header, host)
  return host
}

interface Framing {
  readonly host: string | undefined
  readonly length: string | undefined
  readonly encoding: string | undefined
}

/** The three headers that say where a request goes and where it ends; null when one is there twice. */
function framingOf(rawHeaders: readonly string[]): Framing | null {
  const found = new Map<string, string>()
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const raw = rawHeaders[at] as string
    // Only names of these lengths can be one of the three.
    if (raw.length !== 4 && raw.length !== 14 && raw.length !== 17) continue
    const name = raw.toLowerCase()
    if (!FRAMING.has(name)) continue
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
    if (length !== undefined) return refusal(400, 'The request says in two ways how long its body is.')
    if (httpVersion !== '1.1') return refusal(400, 'HTTP/1.0 has no transfer encodings.')
    return encoding.trim().toLowerCase() === 'chunked'
      ? 'chunked'
      : refusal(501, 'Only the transfer encoding chunked is passed on.')
  }
  if (length === undefined) return 0
  return DIGITS.test(length) ? Number(length) : refusal(400, 'The length of the body is not a number.')
}

/** An address with a host in it must name the same host as the header, else one of two readers is fooled. */
function pathOf(url: string, hostHeader: string | undefined): string | null {
  const absolute = ABSOLUTE.exec(url)
  if (!absolute) return PATH.test(url) ? url : null
  const [, authority = '', rest = ''] = absolute
  if (authority === '' || authority.toLowerCase() !== hostHeader?.toLowerCase()) return null
  const path = rest.startsWith('/') ? rest : `/${rest}`
  return PATH.test(path) ? path : null
}

/** A protocol that means another way of speaking HTTP would carry requests that nobody here reads. */
const SPEAKS_HTTP = /^(?:h2c?|http|tls)(?:$|\/)/i
const PROTOCOL = /^[\w!#$%&'*+.^`|~-]+(?:\/[\w!#$%&'*+.^`|~-]+)?$/

/** The protocol that an upgrade asks for, or why it is refused. */
export function readUpgrade(head: Head, asked: RequestHead): string | BadRequest {
  const offered = head.rawHeaders.filter(
    (_value, at, all) => at % 2 === 1 && all[at - 1]?.toLowerCase() === 'upgrade',
  )
  const [protocol = ''] = offered
  if (asked.method !== 'GET' || asked.body !== 0 || head.httpVersion !== '1.1')
    return refusal(400, 'Only a GET without a body can ask for another protocol.')
  if (offered.length !== 1 || !PROTOCOL.test(protocol)) return refusal(400, 'One protocol can be asked for.')
  return SPEAKS_HTTP.test(protocol) ? refusal(501, 'This protocol is not passed on.') : protocol
}
