import type { Child } from '../../types/child.ts'
import { isNavigation, type Page, waitingPage } from '../http/pages.ts'
import { sendPage, sendRendered } from '../http/respond.ts'
import { isRoutableName } from '../routing/host-names.ts'
import { isIgnored } from '../routing/ignore-rules.ts'
import { type GatewayContext, type ProxyRequest, targetName } from './context.ts'
import type { ExchangeResult } from './exchange.ts'
import { forward } from './forward.ts'
import type { Ticket } from './start-queue.ts'
import type { Upstream } from './upstream.ts'

/** Between tries of a request whose process does not accept. */
const FIRST_PAUSE_MS = 5
const LONGEST_PAUSE_MS = 250
const ASLEEP = 'The app is asleep.'
const LOST: Page = { status: 502, text: 'The app closed the connection before it had answered.' }

/** One request from its arrival to its end: finds its child awake or wakes it, and sees it answered. */
export class ProxyHandler {
  readonly #house: GatewayContext
  readonly #arrival: ProxyRequest
  readonly #name: string
  #waiter: Ticket | null
  #pause = FIRST_PAUSE_MS
  /** The process that got the request and never answered. */
  #lostBy: Upstream | null = null
  #mustContinue: boolean

  constructor(house: GatewayContext, arrival: ProxyRequest) {
    this.#house = house
    this.#arrival = arrival
    this.#name = targetName(arrival.to)
    this.#mustContinue = arrival.mustContinue
    this.#waiter = arrival.waiter
  }

  /** Resolves when the request has ended, and its connection too when that was upgraded. */
  serve(): Promise<void> {
    const { path, rules, upgrade } = this.#arrival
    return isIgnored(rules, { path, isUpgrade: upgrade !== null })
      ? this.#serveUnnoticed()
      : this.#serveHeld()
  }

  /** Holds the child from before it is started until the answer, or the connection, has ended. */
  async #serveHeld(): Promise<void> {
    const child = this.#child()
    if (!child.serves && this.#showsPage()) return this.#wakeWithPage(child)
    for (;;) {
      if (this.#hasCrashed(child)) return this.#answer(LOST)
      const lease = child.tryAcquire() ?? (await this.#house.queue.acquire(child, this.#wait()))
      try {
        if (!child.serves) continue
        const outcome = await this.#try(child)
        if (outcome === 'over' || (await this.#isDone(outcome))) return
      } finally {
        lease.release()
      }
    }
  }

  /** Takes the child as it is: nothing is woken, and nothing kept awake. */
  async #serveUnnoticed(): Promise<void> {
    const { queue: room, spinner } = this.#house
    for (;;) {
      const child = spinner.child(this.#name)
      if (!child || child.state === 'stopped' || child.state === 'stopping') return this.#sayAsleep()
      if (this.#hasCrashed(child)) return this.#answer(LOST)
      if (child.state === 'faulted') return this.#answer({ status: 503, text: 'The app has failed.' })
      if (!child.serves) await room.watch(child, this.#wait())
      else {
        const outcome = await this.#try(child)
        if (outcome === 'over' || (await this.#isDone(outcome))) return
      }
    }
  }

  /** A health check of a sleeping app is answered as one of a healthy app; a web socket is told to come later. */
  #sayAsleep(): void {
    const { upgrade } = this.#arrival
    this.#answer(upgrade ? { status: 503, text: ASLEEP, retryAfter: 5 } : { status: 204, text: ASLEEP })
  }

  /** The child; where it is not known or not started, with the options of its route. */
  #child(): Child {
    const { to } = this.#arrival
    const { spinner } = this.#house
    const known = spinner.child(this.#name)
    if (known && (typeof to === 'string' || known.serves)) return known
    return spinner.start(typeof to === 'string' ? { name: to } : to)
  }

  #showsPage(): boolean {
    const { request, rules, upgrade } = this.#arrival
    return rules.waitingPage && !upgrade && isNavigation(request.method ?? '', request.headers)
  }

  async #wakeWithPage(child: Child): Promise<void> {
    this.#house.spinner.start({ name: child.name })
    if (child.state === 'faulted') await child
    const name = isRoutableName(child.name) ? child.name : 'the app'
    sendRendered(this.#arrival, 503, waitingPage(name))
  }

  /** The clock of a request that has to wait begins when it first has to. */
  #wait(): Ticket {
    this.#waiter ??= this.#house.queue.enter(this.#arrival.response)
    return this.#waiter
  }

  #try(child: Child): Promise<ExchangeResult> {
    // The body is asked for when there is somebody to read it, and never twice.
    if (this.#mustContinue) this.#arrival.response.writeContinue()
    this.#mustContinue = false
    return forward(this.#house, this.#arrival, child, this.#lostBy !== null)
  }

  async #isDone(outcome: Exclude<ExchangeResult, 'over'>): Promise<boolean> {
    if (outcome === 'unsent') {
      await this.#house.queue.pause(this.#wait(), this.#pause)
      this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE_MS)
      return false
    }
    if ('lostBy' in outcome && this.#lostBy === null) {
      this.#lostBy = outcome.lostBy
      return false
    }
    this.#answer('status' in outcome ? outcome : LOST)
    return true
  }

  /** Whether the process that got the request has ended by itself since: the request may be why, and would end the next. */
  #hasCrashed(child: Child): boolean {
    return this.#lostBy !== null && child.info().crashes > this.#lostBy.crashes
  }

  #answer(page: Page): void {
    sendPage(this.#house.sys.clock, this.#arrival, page)
  }
}
