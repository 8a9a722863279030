import http from 'node:http'
import type { Sys } from '../sys.ts'
import type { Target } from '../types/child.ts'

const BETWEEN_LOOKS_MS = 20
const ANSWER_WITHIN_MS = 5_000

/** Resolves when `GET path` is answered with a status below 400. */
export async function whenHttp(sys: Sys, target: Target, path: string, signal: AbortSignal): Promise<void> {
  for (;;) {
    signal.throwIfAborted()
    if (await answersWell(target, path, signal)) return
    await sys.pause(BETWEEN_LOOKS_MS)
  }
}

/** One request on a connection of its own, which is closed as soon as the status is known. */
function answersWell(target: Target, path: string, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const headers = { connection: 'close', 'user-agent': 'spinner' }
    const request = http.get({ ...target, path, headers, agent: false, signal, timeout: ANSWER_WITHIN_MS })
    request.once('response', (response) => {
      resolve((response.statusCode ?? 500) < 400)
      response.destroy()
    })
    request.once('timeout', () => request.destroy())
    request.on('error', () => resolve(false))
  })
}
