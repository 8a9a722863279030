import type { ServerResponse } from 'node:http'
import { responseHeaders, responseTrailers } from './headers.ts'

/** Forwards an informational response (102 or 103); skips one that Node rejects. */
export function sendInformational(response: ServerResponse, status: number, raw: readonly Buffer[]): void {
  if (response.headersSent) return
  try {
    if (status === 102) response.writeProcessing()
    if (status === 103) response.writeEarlyHints({ link: linksOf(raw) })
  } catch {
    // Informational responses are only hints: the final response still follows.
  }
}

function linksOf(raw: readonly Buffer[]): string[] {
  const { headers } = responseHeaders(raw)
  return headers.filter((_value, at) => at % 2 === 1 && headers[at - 1]?.toLowerCase() === 'link')
}

/** Forwards the trailers that follow a response body. */
export function addTrailers(response: ServerResponse, trailers: readonly (string | Buffer)[]): void {
  try {
    response.addTrailers(responseTrailers(trailers))
  } catch {
    // Skip trailers that Node rejects: the body is complete without them.
  }
}
