import { safeLog } from '../../emitter.ts'
import { codeOf, firstLineOf, messageOf, SpinnerError } from '../../errors.ts'
import type { Child, ChildState } from '../../types/child.ts'
import { isLocalPeer } from '../http/forwarded.ts'
import type { Page } from '../http/pages.ts'
import { type KnownCall, sendPage } from '../http/respond.ts'
import type { GatewayContext } from './context.ts'
import { QueueError } from './start-queue.ts'

/** Seconds after which a client may try again: if the queue is full, and in all other cases. */
const SOON = 1
const LATER = 5

/** Error codes of mistakes of the host. The reason is for the logger, not for the client. */
const HOST_MISTAKES = new Set(['ERR_SPINNER_INVALID_OPTION', 'ERR_SPINNER_NOT_FOUND'])

/** The reaction to an error that kept a request from its child. */
export interface ErrorReply {
  /** The page for the client; null if the client has disconnected. */
  readonly page: Page | null
  /** The line for the logger. */
  readonly log?: string
}

/** Circumstances that the page depends on. */
export interface ErrorContext {
  /** The client runs on this machine, and may see what the child has written. */
  readonly isLocal: boolean
  /** Wall-clock time in milliseconds. */
  readonly date: number
}

export function errorReplyFor(thrown: unknown, context: ErrorContext): ErrorReply {
  if (thrown instanceof QueueError) return { page: queuePage(thrown, context) }
  if (codeOf(thrown) === 'ERR_SPINNER_CLOSED') return { page: CLOSING_PAGE }
  if (!(thrown instanceof SpinnerError) || HOST_MISTAKES.has(thrown.code)) {
    const page: Page = { status: 500, text: 'The gateway could not choose an app for this request.' }
    return { page, log: `a route failed: ${messageOf(thrown)}` }
  }
  return { page: isWithoutSlot(thrown) ? NO_SLOT_PAGE : startFailedPage(thrown, context) }
}

/** Page for all requests after the gateway was closed. */
export const CLOSING_PAGE: Page = {
  status: 503,
  text: 'The gateway is closing.',
  retryAfter: LATER,
  closesConnection: true,
}

const NO_SLOT_PAGE: Page = { status: 503, text: 'Too many apps are in use.', retryAfter: LATER }

/** Returns whether a start timed out before its first attempt, because too many children were running. */
const isWithoutSlot = ({ attempts, code }: SpinnerError): boolean =>
  code === 'ERR_SPINNER_NOT_READY' && attempts === undefined

function queuePage({ child, reason }: QueueError, { isLocal }: ErrorContext): Page | null {
  if (reason === 'client-gone') return null
  if (reason === 'full')
    return { status: 503, text: 'Too many requests are waiting for this app.', retryAfter: SOON }
  const page: Page = { status: 503, text: 'The app was not ready in time.', retryAfter: LATER }
  return child && isLocal ? { ...page, text: explainTimeout(child), details: child.info().output } : page
}

function explainTimeout(child: Child): string {
  const { elsewhere, lastError, name, state } = child.info()
  const text = `'${name}' was not ready in time; its state is '${state}'`
  if (elsewhere && COMING_UP.has(state)) return `${text}: ${elsewhere}.`
  return lastError ? `${text}. Its last attempt failed: ${firstLineOf(lastError)}` : `${text}.`
}

const COMING_UP: ReadonlySet<ChildState> = new Set(['starting', 'restart'])

function startFailedPage(error: SpinnerError, { isLocal, date }: ErrorContext): Page {
  const left = error.retryAt ? Math.ceil((error.retryAt.getTime() - date) / 1_000) : 0
  const retryAfter = left > 0 ? { retryAfter: left } : {}
  if (!isLocal) return { status: 502, text: 'The app failed to start.', ...retryAfter }
  return { status: 502, text: firstLineOf(error), details: error.output ?? [], ...retryAfter }
}

/** Tells the client why its request was not forwarded, and the logger if the host has made a mistake. */
export function reportFailure(
  { logger, showReasons, sys }: GatewayContext,
  call: KnownCall,
  thrown: unknown,
): void {
  const { headers } = call.request
  const isLocal = showReasons && isLocalPeer({ peer: call.peer, headers })
  const { log, page } = errorReplyFor(thrown, { isLocal, date: sys.clock.date() })
  if (log !== undefined) safeLog(logger, 'error', `gateway: ${log}`)
  if (page !== null) sendPage(sys.clock, call, page)
}
