import http, { validateHeaderName, validateHeaderValue } from 'node:http'
import { INVALID, type Parser } from '../options/parsers.ts'
import { type OptionSpec, option, readWithDefaults } from '../options/read.ts'
import type { Sys } from '../sys.ts'
import type { Target } from '../types/child.ts'
import type { Duration } from '../types/options.ts'
import type { Check } from '../types/plugin.ts'
import { accessOf } from './access.ts'
import { type PaceOptions, paceOptions, type SettingsOf, secondsOption } from './options.ts'
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

type Settings = SettingsOf<ResponseTimeOptions>

/** Headers that spinner decides, because a GET has no body and its connection is used once. */
const RESERVED_HEADERS = new Set(
  'connection content-length expect keep-alive te trailer transfer-encoding upgrade'.split(' '),
)

const urlPath: Parser = (value) =>
  typeof value === 'string' && /^\/[\x21-\x7e]*$/.test(value) ? value : INVALID

const headers: Parser = (value) => {
  if (typeof value !== 'object' || value === null || Symbol.iterator in value) return INVALID
  const parsed: Record<string, string> = Object.create(null)
  for (const [name, entry] of Object.entries(value)) {
    if (typeof entry !== 'string' && typeof entry !== 'number') return INVALID
    if (RESERVED_HEADERS.has(name.toLowerCase())) return INVALID
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

const OPTIONS: Readonly<Record<keyof Settings, OptionSpec>> = {
  ...paceOptions(2, 40),
  threshold: secondsOption(2),
  path: option(urlPath, "a path that begins with '/', percent-encoded", '/'),
  headers: option(
    headers,
    'an object of strings or numbers that are valid HTTP headers, without headers of the connection',
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
  const settings = readWithDefaults<Settings>(options, OPTIONS, { caller: 'responseTime()' })
  const { interval, retries } = settings
  return {
    name: 'responseTime',
    interval,
    retries,
    run: async (child, signal) => {
      const { target } = child
      if (target === null)
        throw new Inconclusive('the child has no address; responseTime() is only for children that listen')
      return { seconds: await measure(accessOf(child).context.sys, target, settings, signal) }
    },
  }
}

/** Returns the seconds until the whole response has arrived. */
async function measure(sys: Sys, target: Target, settings: Settings, signal: AbortSignal): Promise<number> {
  const { headers, path, threshold } = settings
  const startedAt = sys.clock.now()
  const seconds = (): number => (sys.clock.now() - startedAt) / 1_000
  const tooSlow = (): Unhealthy =>
    new Unhealthy(`GET ${path} did not get a complete response within ${threshold} s`, { seconds: seconds() })
  const request = http.request({
    ...target,
    path,
    // Put `connection` last, so that the user's headers cannot replace it.
    headers: { 'user-agent': 'spinner (responseTime)', ...headers, connection: 'close' },
    createConnection: () => sys.connect(target),
    signal,
  })
  // A check must not keep the host alive.
  request.once('socket', (socket) => socket.unref())
  const timer = sys.clock.setTimeout(() => void onTimeout(), threshold * 1_000)
  const onTimeout = async (): Promise<void> => {
    // Read a response that has arrived already: if the host was blocked, the delay is not the child's.
    await sys.nextTurn()
    await sys.nextTurn()
    request.destroy(tooSlow())
  }
  try {
    await wholeResponse(request, path)
    if (seconds() > threshold) throw tooSlow()
    return seconds()
  } finally {
    sys.clock.clearTimeout(timer)
    request.destroy()
  }
}

/** Reads the response to its end and discards it. */
function wholeResponse(request: http.ClientRequest, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (thrown: Error): void =>
      reject(thrown instanceof Unhealthy ? thrown : new Error(`GET ${path} failed: ${thrown.message}`))
    request.on('error', fail)
    request.once('response', (response) => {
      response.on('error', () => {})
      response.once('close', () => {
        if (response.complete) resolve()
        else fail(new Error('the response ended before it was complete'))
      })
      response.resume()
    })
    // Fail here, because Node emits nothing further after an upgrade, not even for a later `destroy`.
    request.once('upgrade', (_response, socket) => {
      socket.destroy()
      fail(new Error('the response was 101, but no upgrade was requested'))
    })
    request.end()
  })
}
