import { SpinnerError } from '../../errors.ts'
import { show } from '../../options/parsers.ts'
import type { Target } from '../../types/child.ts'

/** A `server` directive of an upstream, and for whom it is. */
export interface Server {
  readonly text: string
  /** Name of the child. */
  readonly name: string | null
}

/** An upstream, as it is to stand in a file of our own. */
export interface Upstream {
  readonly name: string
  /** Other directives of the block. */
  readonly directives: readonly string[]
  readonly servers: readonly Server[]
}

/** What a file of ours begins with; no other file is ever written over. */
export const HEADER = '# Written by spinner, which will replace it: changes to this file are lost.'

/** nginx refuses an upstream without servers; this one it never asks, and answers 502. */
export const NO_SERVERS: Server = { text: 'server 127.0.0.1:1 down;', name: null }

/** What sun_path can hold, without the zero at its end. */
const LONGEST_PATH = 107
const PLAIN = /^[\w./@:+,=~%-]+$/
const UNPRINTABLE = /\p{Cc}/u

/** A whole file of our own. */
export const renderFile = (upstreams: readonly Upstream[]): string =>
  [HEADER, ...upstreams.map(renderUpstream), ''].join('\n')

function renderUpstream({ name, directives, servers }: Upstream): string {
  const lines = [...directives.map((text) => ({ text, name: null })), ...servers]
  const body = lines.map(({ text, name: whose }) => `    ${text}${whose === null ? '' : comment(whose)}`)
  return [`upstream ${name} {`, ...body, '}'].join('\n')
}

/** nginx refuses a comment of more than 4 KB. */
const LONGEST_NAME = 100
const STRICT = /[^\x20-\x7e]|[#{};"'\\$]/g

/** A child's name as a comment: whatever it holds, it ends at the end of the line (docs/hazards.md#h43). */
function comment(name: string): string {
  const safe = name
    .slice(0, LONGEST_NAME)
    .replace(STRICT, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`)
  return ` # "${safe}"`
}

/** The `server` directive for an address. Throws where nginx could not take it. */
export function serverAt(target: Target, params: string, child: string): string {
  const address = 'socketPath' in target ? unixAddress(target.socketPath, child) : tcpAddress(target)
  return `server ${[address, ...(params === '' ? [] : [params])].join(' ')};`
}

const tcpAddress = ({ host, port }: { host: string; port: number }): string =>
  `${host.includes(':') ? `[${host}]` : host}:${port}`

function unixAddress(path: string, child: string): string {
  const bytes = Buffer.byteLength(path)
  if (!path.startsWith('/') || UNPRINTABLE.test(path) || bytes > LONGEST_PATH) {
    const message = `nginx cannot reach '${child}': the address ${show(path)} must be an absolute path without control characters of at most ${LONGEST_PATH} bytes (it has ${bytes}); choose another folder or \`listen: 'port'\`.`
    throw new SpinnerError('ERR_SPINNER_INVALID_OPTION', message, { child })
  }
  return PLAIN.test(path) ? `unix:${path}` : `"unix:${path.replace(/["\\]/g, '\\$&')}"`
}
