import http, { validateHeaderName, validateHeaderValue } from 'node:http'
import { INVALID, type Parser } from '../options/parsers.ts'
import { type OptionSpec, option, readWithDefaults } from '../options/read.ts'
import type { Sys } from '../sys.ts'
import type { Target } from '../types/child.ts'
import type { Duration } from '../types/options.ts'
import type { Check } from '../types/plugin.ts'
import { accessOf } from './access.ts'
import { type PaceOptions, paceOptions, secondsOption } from './options.ts'
import { Inconclusive, Unhealthy } from './verdict.ts'

/** Options of {@link responseTime}. */
export interface ResponseTimeOptions extends PaceOptions {
  /** Maximum time until the whole response has arrived. @default 2 */
  threshold?: Duration
  /** Number of consecutive failures that make the child unhealthy. @default 2 */
  retries?: number
  /** Time from the end of one run to the next. @default 40 */
  interval?: Duration
  /** Path to request. @default '/' */
  path?: string
  /** Headers of the request, such as `Host`. @default {} */
  headers?: Readonly<Record<string, string | number>>
}

interface Settings {
  readonly threshold: number
  readonly retries: number
  readonly interval: number
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
}

/** A GET has no body, and its connection is used once. */
const OURS = new Set(
  'connection content-length expect keep-alive te trailer transfer-encoding upgrade'.split(' '),
)

const pathOfUrl: Parser = (value) =>
  typeof value === 'string' && /^\/[\x21-\x7e]*$/.test(value) ? value : INVALID

const headers: Parser = (value) => {
  if (typeof value !== 'object' || value === null || Symbol.iterator in value) return INVALID
  const parsed: Record<string, string> = Object.create(null)
  for (const [name, entry] of Object.entries(value)) {
    if (typeof entry !== 'string' && typeof entry !== 'number') return INVALID
    if (OURS.has(name.toLowerCase())) return INVALID
    try {
      validateHeaderName(name)
      validateHeaderValue(name, String(entry))
    } catch {
      return INVALID
    }
    parsed[name.toLowerCase()] = String(entry)
  }
  return Object.freeze(parsed)
}

const ROWS: Readonly<Record<keyof Settings, OptionSpec>> = {
  ...paceOptions(2, 40),
  threshold: secondsOption(2),
  path: option(pathOfUrl, "a path that begins with '/', percent-encoded", '/'),
  headers: option(
    headers,
    'an object of texts or numbers that HTTP allows, without those of the connection',
    {},
  ),
}

/**
 * Creates a check that sends a GET request to the child, on a new connection. The child is healthy if the whole response,
 * with any status, arrives within `threshold`. Redirects are not followed. Invalid options throw an `ERR_SPINNER_INVALID_OPTION`.
 *
 * @example
 * import { createSpinner } from 'spinner'
 * import { responseTime } from 'spinner/checks'
 *
 * const spinner = createSpinner({ checks: [responseTime({ threshold: '500ms', path: '/health' })] })
 * await spinner.close()
 */
export function responseTime(options: ResponseTimeOptions = {}): Check {
  const settings = readWithDefaults<Settings>(options, ROWS, { caller: 'responseTime()' })
  const { interval, retries } = settings
  return {
    name: 'responseTime',
    interval,
    retries,
    run: async (child, signal) => {
      const { target } = child
      if (target === null)
        throw new Inconclusive('it has no address to ask; responseTime() is for children that listen')
      return { seconds: await ask(accessOf(child).context.sys, target, settings, signal) }
    },
  }
}

/** Seconds until the whole answer was there. */
async function ask(sys: Sys, target: Target, settings: Settings, signal: AbortSignal): Promise<number> {
  const { headers, path, threshold } = settings
  const begun = sys.clock.now()
  const seconds = (): number => (sys.clock.now() - begun) / 1_000
  const tooSlow = (): Unhealthy =>
    new Unhealthy(`GET ${path} had no full answer within ${threshold} s`, { seconds: seconds() })
  const request = http.request({
    ...target,
    path,
    // Last the ones that are not to be chosen.
    headers: { 'user-agent': 'spinner (responseTime)', ...headers, connection: 'close' },
    createConnection: () => sys.connect(target),
    signal,
  })
  // No check keeps the host alive.
  request.once('socket', (socket) => socket.unref())
  const timer = sys.clock.setTimeout(() => void late(), threshold * 1_000)
  const late = async (): Promise<void> => {
    // An answer that is there already, and was not read yet, is not the child's delay.
    await sys.nextTurn()
    await sys.nextTurn()
    request.destroy(tooSlow())
  }
  try {
    await wholeAnswer(request, path)
    if (seconds() > threshold) throw tooSlow()
    return seconds()
  } finally {
    sys.clock.clearTimeout(timer)
    request.destroy()
  }
}

/** Reads the answer to its end and keeps nothing of it. */
function wholeAnswer(request: http.ClientRequest, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (thrown: Error): void =>
      reject(thrown instanceof Unhealthy ? thrown : new Error(`GET ${path} failed: ${thrown.message}`))
    request.on('error', failed)
    request.once('response', (response) => {
      response.on('error', () => {})
      response.once('close', () => {
        if (response.complete) resolve()
        else failed(new Error('the answer ended before it was complete'))
      })
      response.resume()
    })
    // Node hands the connection over with this, and tells of nothing more: a later `destroy` neither.
    request.once('upgrade', (_response, socket) => {
      socket.destroy()
      failed(new Error('the answer was 101, which nobody asked for'))
    })
    request.end()
  })
}
