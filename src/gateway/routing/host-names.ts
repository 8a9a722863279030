/** Names that a request may give to a child. They mean nothing special in a path, in a host or as an object key. */
const ROUTABLE_NAME = /^[a-z0-9][a-z0-9._-]{0,62}$/

/** Returns true if a name from a request may select a child (docs/hazards.md#h55). */
export const isRoutableName = (name: string): boolean => ROUTABLE_NAME.test(name) && !name.includes('..')

/** A DNS name with letters, digits and hyphens, or an IPv4 address (RFC 1123). Allows `_`, which is used in practice. */
const HOST =
  /^(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*$/
const IPV6_ADDRESS = /^\[[0-9a-f:.]{2,45}\]$/
const PORT = /:\d{1,5}$/

/** Returns the host in a `Host` header: in lower case, without port and final dot. Null if the header is invalid. */
export function hostOf(header: string | undefined): string | null {
  if (header === undefined || header.length > 260) return null
  const lower = header.toLowerCase()
  const bare = lower.replace(PORT, '')
  if (bare.startsWith('[')) return IPV6_ADDRESS.test(bare) ? bare : null
  const host = bare.endsWith('.') ? bare.slice(0, -1) : bare
  return HOST.test(host) ? host : null
}

const LOOPBACK_HOSTS = new Set(['localhost', '127.0.0.1', '[::1]'])

/**
 * Returns true if a host can only mean this machine. A page of another site requests its own host name, even if that
 * name resolves to this machine.
 */
export const isLoopbackHost = (host: string): boolean =>
  LOOPBACK_HOSTS.has(host) || host.endsWith('.localhost')

/** Splits a host for wildcards; null if it has only one label, or begins with a punycode label. */
export function splitHost(host: string): readonly [label: string, rest: string] | null {
  const dot = host.indexOf('.')
  if (dot < 1 || host.startsWith('xn--')) return null
  return [host.slice(0, dot), host.slice(dot + 1)]
}

const DOT_SEGMENT_OR_NUL = /(?:^|[/\\]|%2f|%5c)(?:\.|%2e){1,2}(?:$|[/\\;]|%2f|%5c)|%00/i

/** Returns true if a path has neither a `.` or `..` segment, plain or encoded, nor an encoded NUL. Ignores the query. */
export function isPlainPath(path: string): boolean {
  // Skip the slow pattern for most paths: a match needs a dot or a percent sign.
  if (!path.includes('.') && !path.includes('%')) return true
  const query = path.indexOf('?')
  return !DOT_SEGMENT_OR_NUL.test(query < 0 ? path : path.slice(0, query))
}
