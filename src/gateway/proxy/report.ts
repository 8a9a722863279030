import { safeLog } from '../../emitter.ts'
import { isLocalPeer } from '../http/forwarded.ts'
import { answerPage, type KnownCall } from '../http/respond.ts'
import type { House } from './context.ts'
import { failureOf } from './error-page.ts'

/** Tells the client, and where it is the host's business the logger, why a request was not passed on. */
export function report({ logger, showReasons, sys }: House, call: KnownCall, thrown: unknown): void {
  const { headers } = call.request
  const isLocal = showReasons && isLocalPeer({ peer: call.peer, headers })
  const { log, page } = failureOf(thrown, { isLocal, date: sys.clock.date() })
  if (log !== undefined) safeLog(logger, 'error', `gateway: ${log}`)
  if (page !== null) answerPage(call, page)
}
