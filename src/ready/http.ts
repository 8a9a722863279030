import http from 'node:http'
import type { Sys } from '../sys.ts'
import type { Target } from '../types/child.ts'

const POLL_MS = 20
const RESPONSE_TIMEOUT_MS = 5_000

/** Resolves when `GET path` is answered with a status below 400. */
export async function whenHttp(sys: Sys, target: Target, path: string, signal: AbortSignal): Promise<void> {
  for (;;) {
    signal.throwIfAborted()
    if (await isAnsweredWell(target, path, signal)) return
    await sys.pause(POLL_MS)
  }
}

/** Sends one request on a connection of its own, and closes the connection as soon as the status is known. */
function isAnsweredWell(target: Target, path: string, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const headers = { connection: 'close', 'user-agent': 'spinner' }
    const request = http.get({ ...target, path, headers, agent: false, signal, timeout: RESPONSE_TIMEOUT_MS })
    request.once('response', (response) => {
      resolve((response.statusCode ?? 500) < 400)
      response.destroy()
    })
    request.once('timeout', () => request.destroy())
    request.on('error', () => resolve(false))
  })
}
