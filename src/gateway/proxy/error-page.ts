import { safeLog } from '../../emitter.ts'
import { codeOf, firstLineOf, messageOf, SpinnerError } from '../../errors.ts'
import type { Child, ChildState } from '../../types/child.ts'
import { isLocalPeer } from '../http/forwarded.ts'
import type { Page } from '../http/pages.ts'
import { type KnownCall, sendPage } from '../http/respond.ts'
import type { GatewayContext } from './context.ts'
import { QueueError } from './start-queue.ts'

/** Seconds after which a request that found no seat may find one. */
const SOON = 1
const LATER = 5

/** It is the host's own mistake: the client learns nothing, the logger all. */
const OURS = new Set(['ERR_SPINNER_INVALID_OPTION', 'ERR_SPINNER_NOT_FOUND'])

/** What a client is told when its request got no child, and what the logger is told besides. */
export interface Failure {
  /** Null when there is nobody to tell. */
  readonly page: Page | null
  readonly log?: string
}

/** Who is told, and when. */
export interface ErrorPage {
  /** The client sits at this machine, and may be shown what the child itself has said. */
  readonly isLocal: boolean
  /** Wall-clock milliseconds. */
  readonly date: number
}

export function failureOf(thrown: unknown, told: ErrorPage): Failure {
  if (thrown instanceof QueueError) return { page: pageOfNoSeat(thrown, told) }
  if (codeOf(thrown) === 'ERR_SPINNER_CLOSED') return { page: CLOSING }
  if (!(thrown instanceof SpinnerError) || OURS.has(thrown.code)) {
    const page: Page = { status: 500, text: 'The gateway could not choose an app for this request.' }
    return { page, log: `a route failed: ${messageOf(thrown)}` }
  }
  return { page: isWithoutRoom(thrown) ? NO_ROOM : pageOfFault(thrown, told) }
}

/** What everyone is told from the close of the gateway on. */
export const CLOSING: Page = {
  status: 503,
  text: 'The gateway is closing.',
  retryAfter: LATER,
  closesConnection: true,
}

const NO_ROOM: Page = { status: 503, text: 'Too many apps are in use already.', retryAfter: LATER }

/** Its start was given up before anything was tried: there was no room for it among the children that run. */
const isWithoutRoom = ({ attempts, code }: SpinnerError): boolean =>
  code === 'ERR_SPINNER_NOT_READY' && attempts === undefined

function pageOfNoSeat({ child, why }: QueueError, { isLocal }: ErrorPage): Page | null {
  if (why === 'gone') return null
  if (why === 'full')
    return { status: 503, text: 'Too many requests wait for this app already.', retryAfter: SOON }
  const late: Page = { status: 503, text: 'The app was not ready in time.', retryAfter: LATER }
  return child && isLocal ? { ...late, text: whyLate(child), details: child.info().output } : late
}

function whyLate(child: Child): string {
  const { lastError, name, state } = child.info()
  const text = `'${name}' was not ready in time; it is '${state}'`
  const elsewhere = COMING.has(state) ? child.info().elsewhere : null
  if (elsewhere) return `${text}: ${elsewhere}.`
  return lastError ? `${text}. Its last attempt failed: ${firstLineOf(lastError)}` : `${text}.`
}

const COMING: ReadonlySet<ChildState> = new Set(['starting', 'restart'])

function pageOfFault(error: SpinnerError, { isLocal, date }: ErrorPage): Page {
  const left = error.retryAt ? Math.ceil((error.retryAt.getTime() - date) / 1_000) : 0
  const retryAfter = left > 0 ? { retryAfter: left } : {}
  if (!isLocal) return { status: 502, text: 'The app does not start.', ...retryAfter }
  return { status: 502, text: firstLineOf(error), details: error.output ?? [], ...retryAfter }
}

/** Tells the client, and where it is the host's business the logger, why a request was not passed on. */
export function reportFailure(
  { logger, showReasons, sys }: GatewayContext,
  call: KnownCall,
  thrown: unknown,
): void {
  const { headers } = call.request
  const isLocal = showReasons && isLocalPeer({ peer: call.peer, headers })
  const { log, page } = failureOf(thrown, { isLocal, date: sys.clock.date() })
  if (log !== undefined) safeLog(logger, 'error', `gateway: ${log}`)
  if (page !== null) sendPage(sys.clock, call, page)
}
