import { SpinnerError } from '../../errors.ts'
import { show } from '../../options/parsers.ts'
import type { Target } from '../../types/child.ts'

/** A `server` directive of an upstream. */
export interface ServerLine {
  readonly text: string
  /** Name of the child, written as a comment; null for a server that is not a child. */
  readonly child: string | null
}

/** An `upstream` block, as spinner writes it into a file of its own. */
export interface UpstreamBlock {
  readonly name: string
  /** Directives other than `server`. */
  readonly directives: readonly string[]
  readonly servers: readonly ServerLine[]
}

/**
 * First line of the files that spinner owns. It overwrites no file that begins otherwise, so another text here would make it
 * refuse the files of earlier versions.
 */
export const HEADER = '# Written by spinner, which will replace it: changes to this file are lost.'

/** Placeholder for an upstream without servers, which nginx rejects. nginx never asks this one, and answers 502. */
export const NO_SERVERS: ServerLine = { text: 'server 127.0.0.1:1 down;', child: null }

/** Maximum bytes of `sun_path`, without the zero byte at its end. */
const MAX_PATH_BYTES = 107
const NEEDS_NO_QUOTES = /^[\w./@:+,=~%-]+$/
const UNPRINTABLE = /\p{Cc}/u

/** Renders the whole text of a file that spinner owns. */
export const renderFile = (upstreams: readonly UpstreamBlock[]): string =>
  [HEADER, ...upstreams.map(renderUpstream), ''].join('\n')

function renderUpstream({ name, directives, servers }: UpstreamBlock): string {
  const lines = [...directives.map((text) => ({ text, child: null })), ...servers]
  const body = lines.map(({ text, child }) => `    ${text}${child === null ? '' : comment(child)}`)
  return [`upstream ${name} {`, ...body, '}'].join('\n')
}

/** Maximum characters of a name: nginx rejects a comment of more than 4 KB. */
const MAX_NAME = 100
const UNSAFE = /[^\x20-\x7e]|[#{};"'\\$]/g

/** Renders the name of a child as a comment that ends at the end of the line, whatever the name is (docs/hazards.md#h43). */
function comment(child: string): string {
  const safe = child
    .slice(0, MAX_NAME)
    .replace(UNSAFE, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`)
  return ` # "${safe}"`
}

/** Returns the `server` directive for an address. Throws if nginx cannot use the address. */
export function serverDirective(target: Target, params: string, child: string): string {
  const address = 'socketPath' in target ? unixAddress(target.socketPath, child) : tcpAddress(target)
  return `server ${[address, ...(params === '' ? [] : [params])].join(' ')};`
}

const tcpAddress = ({ host, port }: { host: string; port: number }): string =>
  `${host.includes(':') ? `[${host}]` : host}:${port}`

function unixAddress(path: string, child: string): string {
  const bytes = Buffer.byteLength(path)
  if (!path.startsWith('/') || UNPRINTABLE.test(path) || bytes > MAX_PATH_BYTES) {
    const message = `nginx cannot reach '${child}': its address must be an absolute path without control characters of at most ${MAX_PATH_BYTES} bytes, but it is ${show(path)} (${bytes} bytes); choose another directory, or \`listen: 'port'\`.`
    throw new SpinnerError('ERR_SPINNER_INVALID_OPTION', message, { child })
  }
  return NEEDS_NO_QUOTES.test(path) ? `unix:${path}` : `"unix:${path.replace(/["\\]/g, '\\$&')}"`
}
