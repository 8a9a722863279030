import type { ServerResponse } from 'node:http'
import { answerHeaders, answerTrailers } from './headers.ts'

/** Passes hints on that come before an answer; one that Node does not take is left out. */
export function inform(response: ServerResponse, status: number, raw: readonly Buffer[]): void {
  if (response.headersSent) return
  try {
    if (status === 102) response.writeProcessing()
    if (status === 103) response.writeEarlyHints({ link: linksOf(raw) })
  } catch {
    // The answer itself still comes.
  }
}

function linksOf(raw: readonly Buffer[]): string[] {
  const { headers } = answerHeaders(raw)
  return headers.filter((_value, at) => at % 2 === 1 && headers[at - 1]?.toLowerCase() === 'link')
}

/** Passes fields on that come after the body. */
export function addTrailers(response: ServerResponse, trailers: readonly (string | Buffer)[]): void {
  try {
    response.addTrailers(answerTrailers(trailers))
  } catch {
    // A field that Node does not take is none that the client needs.
  }
}
