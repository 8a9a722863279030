import type { Child } from '../../types/child.ts'
import { isNavigation, type Page, waitingPage } from '../http/pages.ts'
import { sendPage, sendRendered } from '../http/respond.ts'
import { isRoutableName } from '../routing/host-names.ts'
import { isIgnored } from '../routing/ignore-rules.ts'
import { targetName } from '../routing/targets.ts'
import type { GatewayContext, ProxyRequest } from './context.ts'
import { CLOSED_EARLY, type ExchangeResult } from './exchange.ts'
import { forward } from './forward.ts'
import type { Ticket } from './start-queue.ts'
import type { Upstream } from './upstream.ts'

/** Milliseconds between tries of a request whose process does not accept connections. */
const FIRST_DELAY_MS = 5
const LONGEST_DELAY_MS = 250
const ASLEEP = 'The app is asleep.'

/** Serves one request: starts its child if needed, forwards the request, and retries where that is safe. */
export class ProxyHandler {
  readonly #context: GatewayContext
  readonly #request: ProxyRequest
  readonly #name: string
  #ticket: Ticket | null
  #delayMs = FIRST_DELAY_MS
  /** The process that got the request and did not answer. */
  #unansweredBy: Upstream | null = null
  #mustContinue: boolean

  constructor(context: GatewayContext, request: ProxyRequest) {
    this.#context = context
    this.#request = request
    this.#name = targetName(request.match.to)
    this.#mustContinue = request.options.mustContinue === true
    this.#ticket = request.ticket
  }

  /** Resolves when the request has ended; with an upgrade, when its connection has closed. */
  serve(): Promise<void> {
    const { match, upgrade } = this.#request
    return isIgnored(match.rules, { path: match.path, isUpgrade: upgrade !== null })
      ? this.#serveWithoutWaking()
      : this.#serveWithLease()
  }

  /** Holds the child from before its start until the response, or the connection, has ended. */
  async #serveWithLease(): Promise<void> {
    const child = this.#child()
    if (!child.serves && this.#showsWaitingPage()) return this.#wakeWithPage(child)
    for (;;) {
      if (this.#hasCrashed(child)) return this.#respond(CLOSED_EARLY)
      const lease = child.tryAcquire() ?? (await this.#context.queue.acquire(child, this.#wait()))
      try {
        if (!child.serves) continue
        const result = await this.#try(child)
        if (result === 'done' || (await this.#isDone(result))) return
      } finally {
        lease.release()
      }
    }
  }

  /** Takes the child in the state it is in: neither wakes it nor keeps it awake. */
  async #serveWithoutWaking(): Promise<void> {
    const { queue, spinner } = this.#context
    for (;;) {
      const child = spinner.child(this.#name)
      if (!child || child.state === 'stopped' || child.state === 'stopping') return this.#respondAsleep()
      if (this.#hasCrashed(child)) return this.#respond(CLOSED_EARLY)
      if (child.state === 'faulted') return this.#respond({ status: 503, text: 'The app has failed.' })
      if (!child.serves) await queue.waitForStart(child, this.#wait())
      else {
        const result = await this.#try(child)
        if (result === 'done' || (await this.#isDone(result))) return
      }
    }
  }

  /** Answers a health check of a sleeping app as that of a healthy app, and tells a WebSocket to try again later. */
  #respondAsleep(): void {
    const { upgrade } = this.#request
    this.#respond(upgrade ? { status: 503, text: ASLEEP, retryAfter: 5 } : { status: 204, text: ASLEEP })
  }

  /** Returns the child. If it is unknown or does not serve, starts it with the options of its route. */
  #child(): Child {
    const { to } = this.#request.match
    const { spinner } = this.#context
    const known = spinner.child(this.#name)
    if (known && (typeof to === 'string' || known.serves)) return known
    return spinner.start(typeof to === 'string' ? { name: to } : to)
  }

  #showsWaitingPage(): boolean {
    const { call, match, upgrade } = this.#request
    const { headers, method = '' } = call.request
    return match.rules.waitingPage && !upgrade && isNavigation(method, headers)
  }

  async #wakeWithPage(child: Child): Promise<void> {
    this.#context.spinner.start({ name: child.name })
    if (child.state === 'faulted') await child
    const name = isRoutableName(child.name) ? child.name : 'the app'
    sendRendered(this.#request.call, 503, waitingPage(name))
  }

  /** Returns the ticket of the request. Its time starts when the request first has to wait. */
  #wait(): Ticket {
    this.#ticket ??= this.#context.queue.issue(this.#request.call.response)
    return this.#ticket
  }

  #try(child: Child): Promise<ExchangeResult> {
    // Ask for the body only when the child can read it, and only once.
    if (this.#mustContinue) this.#request.call.response.writeContinue()
    this.#mustContinue = false
    return forward(this.#context, this.#request, child, this.#unansweredBy !== null)
  }

  async #isDone(result: Exclude<ExchangeResult, 'done'>): Promise<boolean> {
    if (result === 'unsent') {
      await this.#context.queue.delay(this.#wait(), this.#delayMs)
      this.#delayMs = Math.min(this.#delayMs * 2, LONGEST_DELAY_MS)
      return false
    }
    if ('unansweredBy' in result && this.#unansweredBy === null) {
      this.#unansweredBy = result.unansweredBy
      return false
    }
    this.#respond('status' in result ? result : CLOSED_EARLY)
    return true
  }

  /**
   * Returns whether the process that got the request has crashed since. The request may be the cause, and would crash the
   * next process too.
   */
  #hasCrashed(child: Child): boolean {
    return this.#unansweredBy !== null && child.info().crashes > this.#unansweredBy.crashes
  }

  #respond(page: Page): void {
    sendPage(this.#context.sys.clock, this.#request.call, page)
  }
}
