import type { ServerResponse } from 'node:http'
import { closedError, SpinnerError } from '../../errors.ts'
import { deferred, untilAborted } from '../../promises.ts'
import type { Sys } from '../../sys.ts'
import type { Child, Lease } from '../../types/child.ts'

/** Reasons why a request leaves the queue without a lease. */
export type QueueFailure = 'full' | 'timeout' | 'client-gone'

/** A request left the queue without a lease. Errors of the child itself are thrown unchanged instead. */
export class QueueError extends Error {
  readonly reason: QueueFailure
  /** The child that the request waited for; null if it waited for something else. */
  readonly child: Child | null

  constructor(reason: QueueFailure, child: Child | null = null) {
    super(reason)
    this.reason = reason
    this.child = child
  }
}

/** How many requests may wait for one child, and for how long. */
export interface QueueLimits {
  readonly perChild: number
  readonly seconds: number
}

/** One request in the queue. The deadline covers all its waits together, however often it waits. */
export interface Ticket {
  /** Milliseconds on the clock of the queue. */
  readonly deadline: number
  /** Aborted when the client disconnects. */
  readonly gone: AbortSignal
}

/**
 * Holds requests while their child is not started (docs/hazards.md#h52). A waiting request holds a lease from the
 * beginning, so that the child is kept once it is started, and all requests share one start.
 */
export class StartQueue {
  readonly #sys: Sys
  /** Limits for requests that enter from now on. */
  limits: QueueLimits
  readonly #counts = new Map<Child, number>()
  /** One controller for each wait; aborting it ends the wait. */
  readonly #waits = new Set<AbortController>()
  #isClosed = false

  constructor(sys: Sys, limits: QueueLimits) {
    this.#sys = sys
    this.limits = limits
  }

  /** Issues the ticket of a request. Its time starts now. */
  issue(response: ServerResponse): Ticket {
    const gone = new AbortController()
    response.once('close', () => gone.abort())
    if (response.destroyed) gone.abort()
    return { deadline: this.#sys.clock.now() + this.limits.seconds * 1_000, gone: gone.signal }
  }

  /** Rejects all present and future waits. */
  close(): void {
    this.#isClosed = true
    for (const wait of this.#waits) wait.abort(closedError())
  }

  /** Returns the number of requests that wait for a child. */
  waitingFor(child: Child): number {
    return this.#counts.get(child) ?? 0
  }

  /** Waits until the child is started, and holds it. It may be stopping again when the caller continues. */
  async acquire(child: Child, ticket: Ticket): Promise<Lease> {
    return this.#counted(child, ticket, async (signal) => {
      for (;;) {
        const lease = await this.#tryAcquire(child, signal)
        if (lease) return lease
      }
    })
  }

  /** Waits for a start that is already under way. Neither holds the child nor starts it. */
  async waitForStart(child: Child, ticket: Ticket): Promise<void> {
    await this.#counted(child, ticket, (signal) => untilAborted(child.then(), signal))
  }

  /** Waits for the promise that a function of the user returned. */
  waitForChooser<Value>(chosen: Promise<Value>, ticket: Ticket): Promise<Value> {
    return this.#limited(ticket, null, (signal) => untilAborted(chosen, signal))
  }

  /** Waits before the next try. */
  async delay(ticket: Ticket, ms: number): Promise<void> {
    const { clock } = this.#sys
    const over = deferred<void>()
    const timer = clock.setTimeout(() => over.resolve(), ms)
    await this.#limited(ticket, null, (signal) => untilAborted(over.promise, signal)).finally(() =>
      clock.clearTimeout(timer),
    )
  }

  /** Returns null if a stop rejected the wait: the request then asks again, as a request that arrives later would. */
  async #tryAcquire(child: Child, signal: AbortSignal): Promise<Lease | null> {
    try {
      return await child.acquire({ signal })
    } catch (thrown) {
      if (signal.aborted || !(thrown instanceof SpinnerError) || thrown.code !== 'ERR_SPINNER_STOPPED')
        throw thrown
      await this.#sys.nextTurn()
      return null
    }
  }

  /** Runs `action` as one of the limited number of waits for a child. */
  async #counted<Value>(
    child: Child,
    ticket: Ticket,
    action: (signal: AbortSignal) => Promise<Value>,
  ): Promise<Value> {
    return this.#limited(ticket, child, async (signal) => {
      if (this.waitingFor(child) >= this.limits.perChild) throw new QueueError('full')
      this.#counts.set(child, this.waitingFor(child) + 1)
      try {
        return await action(signal)
      } finally {
        this.#leave(child)
      }
    })
  }

  /** Runs `action` with a signal that aborts when the client disconnects, the time is up or the queue closes. */
  async #limited<Value>(
    { deadline, gone }: Ticket,
    child: Child | null,
    action: (signal: AbortSignal) => Promise<Value>,
  ): Promise<Value> {
    const { clock } = this.#sys
    const left = deadline - clock.now()
    if (gone.aborted) throw new QueueError('client-gone')
    if (this.#isClosed) throw closedError()
    if (left <= 0) throw new QueueError('timeout', child)
    const wait = new AbortController()
    this.#waits.add(wait)
    const onGone = (): void => wait.abort(new QueueError('client-gone'))
    gone.addEventListener('abort', onGone, { once: true })
    const timer = clock.setTimeout(() => wait.abort(new QueueError('timeout', child)), left)
    try {
      return await action(wait.signal)
    } finally {
      clock.clearTimeout(timer)
      gone.removeEventListener('abort', onGone)
      this.#waits.delete(wait)
    }
  }

  #leave(child: Child): void {
    const left = this.waitingFor(child) - 1
    if (left > 0) this.#counts.set(child, left)
    else this.#counts.delete(child)
  }
}
