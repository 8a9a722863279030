import type { ServerResponse } from 'node:http'
import { closedError, SpinnerError } from '../../errors.ts'
import { deferred, untilAborted } from '../../promises.ts'
import type { Sys } from '../../sys.ts'
import type { Child, Lease } from '../../types/child.ts'

/** Why a request does not come out of the waiting room with a lease; an error of the child's own is thrown as it is. */
export class QueueError extends Error {
  readonly why: 'full' | 'late' | 'gone'
  /** What was waited for, where a child was. */
  readonly child: Child | null

  constructor(why: 'full' | 'late' | 'gone', child: Child | null = null) {
    super(why)
    this.why = why
    this.child = child
  }
}

/** How many may wait for one child, and for how long. */
export interface QueueLimits {
  readonly places: number
  readonly seconds: number
}

/** One request's wait: for how long in all, however often it has to wait, and whether its client is still there. */
export interface Ticket {
  /** On the clock of the waiting room. */
  readonly until: number
  /** Aborted when the client has gone. */
  readonly gone: AbortSignal
}

/**
 * Where requests wait for a child that is not started (docs/hazards.md#h52). Whoever waits holds a lease from
 * the beginning, so that the child that comes up is kept, and joins the one start that is under way.
 */
export class StartQueue {
  readonly #sys: Sys
  /** For those who enter from now on. */
  patience: QueueLimits
  readonly #waiting = new Map<Child, number>()
  /** What ends each wait. */
  readonly #waits = new Set<AbortController>()
  #isClosed = false

  constructor(sys: Sys, patience: QueueLimits) {
    this.#sys = sys
    this.patience = patience
  }

  /** The wait of a request, which begins now. */
  enter(response: ServerResponse): Ticket {
    const gone = new AbortController()
    response.once('close', () => gone.abort())
    if (response.destroyed) gone.abort()
    return { until: this.#sys.clock.now() + this.patience.seconds * 1_000, gone: gone.signal }
  }

  /** Ends every wait, now and later: what is waited for comes too late. */
  close(): void {
    this.#isClosed = true
    for (const wait of this.#waits) wait.abort(closedError())
  }

  /** How many wait for a child. */
  waitingFor(child: Child): number {
    return this.#waiting.get(child) ?? 0
  }

  /** Waits until the child is started, and holds it. It may have begun to leave again before the caller's turn comes. */
  async acquire(child: Child, waiter: Ticket): Promise<Lease> {
    return this.#inside(child, waiter, async (signal) => {
      for (;;) {
        const lease = await this.#acquire(child, signal)
        if (lease) return lease
      }
    })
  }

  /** Waits for a start that is under way, without holding the child or bringing it up. */
  async watch(child: Child, waiter: Ticket): Promise<void> {
    await this.#inside(child, waiter, (signal) => untilAborted(child.then(), signal))
  }

  /** Waits for what a function of the user's has promised. */
  promised<Value>(given: Promise<Value>, waiter: Ticket): Promise<Value> {
    return this.#whilePatient(waiter, null, (signal) => untilAborted(given, signal))
  }

  /** Waits a moment before the next try. */
  async pause(waiter: Ticket, ms: number): Promise<void> {
    const { clock } = this.#sys
    const over = deferred<void>()
    const timer = clock.setTimeout(() => over.resolve(), ms)
    await this.#whilePatient(waiter, null, (signal) => untilAborted(over.promise, signal)).finally(() =>
      clock.clearTimeout(timer),
    )
  }

  /** A stop ends every wait; whoever still wants the child asks for it again, as one who comes a moment later would. */
  async #acquire(child: Child, signal: AbortSignal): Promise<Lease | null> {
    try {
      return await child.acquire({ signal })
    } catch (thrown) {
      if (signal.aborted || !(thrown instanceof SpinnerError) || thrown.code !== 'ERR_SPINNER_STOPPED')
        throw thrown
      await this.#sys.nextTurn()
      return null
    }
  }

  /** Takes one of the places there are for those who wait for a child. */
  async #inside<Value>(
    child: Child,
    waiter: Ticket,
    action: (signal: AbortSignal) => Promise<Value>,
  ): Promise<Value> {
    return this.#whilePatient(waiter, child, async (signal) => {
      if (this.waitingFor(child) >= this.patience.places) throw new QueueError('full')
      this.#waiting.set(child, this.waitingFor(child) + 1)
      try {
        return await action(signal)
      } finally {
        this.#leave(child)
      }
    })
  }

  /** The signal is aborted when the client has gone, when its time is over, and when the room closes. */
  async #whilePatient<Value>(
    { gone, until }: Ticket,
    child: Child | null,
    action: (signal: AbortSignal) => Promise<Value>,
  ): Promise<Value> {
    const { clock } = this.#sys
    const left = until - clock.now()
    if (gone.aborted) throw new QueueError('gone')
    if (this.#isClosed) throw closedError()
    if (left <= 0) throw new QueueError('late', child)
    const wait = new AbortController()
    this.#waits.add(wait)
    const onGone = (): void => wait.abort(new QueueError('gone'))
    gone.addEventListener('abort', onGone, { once: true })
    const timer = clock.setTimeout(() => wait.abort(new QueueError('late', child)), left)
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
    if (left > 0) this.#waiting.set(child, left)
    else this.#waiting.delete(child)
  }
}
