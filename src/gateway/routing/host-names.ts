/** What a child that requests can name may be called: nothing that is special to a path, a host or an object. */
const NAME = /^[a-z0-9][a-z0-9._-]{0,62}$/

/** Whether a name that comes from a request may lead to a child (docs/hazards.md#h55). */
export const isRoutableName = (name: string): boolean => NAME.test(name) && !name.includes('..')

/** A name of the DNS, with digits and hyphens, or an address of IPv4; see RFC 1123. Underscores are seen in practice. */
const HOST =
  /^(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*$/
const ADDRESS_V6 = /^\[[0-9a-f:.]{2,45}\]$/
const PORT = /:\d{1,5}$/

/** The host that a `Host` header names: in lower case, without port and final dot. Null when it names none. */
export function hostOf(header: string | undefined): string | null {
  if (header === undefined || header.length > 260) return null
  const lower = header.toLowerCase()
  const bare = lower.replace(PORT, '')
  if (bare.startsWith('[')) return ADDRESS_V6.test(bare) ? bare : null
  const host = bare.endsWith('.') ? bare.slice(0, -1) : bare
  return HOST.test(host) ? host : null
}

const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]'])

/** Whether a host can only mean this machine. A page of another site has a name of its own, even if that leads here. */
export const isLoopbackHost = (host: string): boolean => LOOPBACK.has(host) || host.endsWith('.localhost')

/** The first label of a host and the rest, for wildcards; null when it has one label, or one in another script. */
export function splitHost(host: string): readonly [label: string, rest: string] | null {
  const dot = host.indexOf('.')
  if (dot < 1 || host.startsWith('xn--')) return null
  return [host.slice(0, dot), host.slice(dot + 1)]
}

const DOTS = /(?:^|[/\\]|%2f|%5c)(?:\.|%2e){1,2}(?:$|[/\\;]|%2f|%5c)|%00/i

/** Whether a path goes where it says: it has no `.` or `..` for a segment, plain or encoded, and no NUL. */
export function isPlainPath(path: string): boolean {
  // Most have neither, and the pattern is dear.
  if (!path.includes('.') && !path.includes('%')) return true
  const query = path.indexOf('?')
  return !DOTS.test(query < 0 ? path : path.slice(0, query))
}
