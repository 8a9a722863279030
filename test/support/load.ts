import http from 'node:http'
import type { Target } from '../../src/types/child.ts'
import { until } from './host.ts'

/** How requests ended, by kind. */
export interface Counts {
  /** Whole answers below 500. */
  ok: number
  /** Whole answers from 500 on. */
  failed: number
  /**
   * Connections that were closed before an answer began: what nginx itself does when it reloads
   * (docs/hazards.md#e15).
   */
  reset: number
  /** Of these, on connections that had carried an answer before: HTTP allows it, and browsers try again. */
  resetReused: number
  /** Answers that began and did not end. */
  cut: number
  /** Nobody listened, or something else. */
  other: number
  /** Answers by status. */
  readonly statuses: Record<number, number>
  /** What `other` was, each once. */
  readonly codes: Set<string>
}

/** A load under way. */
export interface Load {
  readonly counts: Counts
  /** Waits until so many more requests have ended, however. */
  more(requests: number): Promise<void>
  /** Ends after the requests that are under way. */
  stop(): Promise<Counts>
}

/** How a load is made up. */
export interface LoadOptions {
  readonly connections?: number
  readonly keepAlive?: boolean
  readonly path?: string
  /** Milliseconds that each client waits between an answer and its next request. */
  readonly pause?: number
  readonly headers?: http.OutgoingHttpHeaders
}

const RESETS = new Set(['ECONNRESET', 'EPIPE', 'HPE_INVALID_EOF_STATE'])

/** So many clients, each with a connection of its own, that ask one thing after another until they are stopped. */
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
      // Once an answer has begun, its own end says how it went.
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
