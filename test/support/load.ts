import http from 'node:http'
import type { Target } from '../../src/types/child.ts'
import { until } from './host.ts'

/** Numbers of requests by outcome. */
export interface Counts {
  /** Complete responses with a status below 500. */
  ok: number
  /** Complete responses with a status of 500 or more. */
  failed: number
  /** Connections that were closed before a response began. nginx itself does this at a reload (docs/hazards.md#e15). */
  reset: number
  /** The part of `reset` on connections that were used before. HTTP allows this, and browsers retry. */
  resetReused: number
  /** Responses that began and did not end. */
  cut: number
  /** All other errors, such as a refused connection. */
  other: number
  /** Complete responses by status. */
  readonly statuses: Record<number, number>
  /** The error codes that `other` counts. */
  readonly codes: Set<string>
}

/** A running load. */
export interface Load {
  readonly counts: Counts
  /** Waits until `requests` more requests have ended in any way. */
  more(requests: number): Promise<void>
  /** Stops after the current requests. */
  stop(): Promise<Counts>
}

/** The options of a load. */
export interface LoadOptions {
  readonly connections?: number
  readonly keepAlive?: boolean
  readonly path?: string
  /** Milliseconds between a response and the next request of a client. */
  readonly pause?: number
  readonly headers?: http.OutgoingHttpHeaders
}

const RESETS = new Set(['ECONNRESET', 'EPIPE', 'HPE_INVALID_EOF_STATE'])

/** Starts clients, each with its own connection, that send one request after another until `stop`. */
export function newLoad(target: Target, options: LoadOptions = {}): Load {
  const { connections = 40, keepAlive = false, path = '/', pause = 1, headers = {} } = options
  const counts: Counts = {
    ok: 0,
    failed: 0,
    reset: 0,
    resetReused: 0,
    cut: 0,
    other: 0,
    statuses: {},
    codes: new Set(),
  }
  let stopped = false
  const client = async (): Promise<void> => {
    const agent = new http.Agent({ keepAlive, maxSockets: 1 })
    while (!stopped) {
      await ask({ ...target, path, headers, agent }, counts)
      await new Promise((resolve) => setTimeout(resolve, pause))
    }
    agent.destroy()
  }
  const clients = Array.from({ length: connections }, client)
  return {
    counts,
    more: async (requests) => {
      const enough = ended(counts) + requests
      await until(() => ended(counts) >= enough, `${requests} more requests`)
    },
    stop: async () => {
      stopped = true
      await Promise.all(clients)
      return counts
    },
  }
}

const ended = ({ ok, failed, reset, cut, other }: Counts): number => ok + failed + reset + cut + other

function ask(options: http.RequestOptions, counts: Counts): Promise<void> {
  return new Promise((resolve) => {
    let hasBegun = false
    const request = http.get(options, (response) => {
      hasBegun = true
      const status = response.statusCode ?? 0
      response.on('error', () => {})
      response.resume()
      response.on('close', () => {
        if (!response.complete) counts.cut++
        else {
          counts.statuses[status] = (counts.statuses[status] ?? 0) + 1
          if (status < 500) counts.ok++
          else counts.failed++
        }
        resolve()
      })
    })
    request.on('error', (error: NodeJS.ErrnoException) => {
      // After a response has begun, its event `close` decides the outcome.
      if (hasBegun) return
      if (RESETS.has(error.code ?? '')) {
        counts.reset++
        if (request.reusedSocket) counts.resetReused++
      } else {
        counts.other++
        counts.codes.add(error.code ?? error.message)
      }
      resolve()
    })
  })
}
