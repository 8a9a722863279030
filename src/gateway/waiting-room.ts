import type { Child } from '../child.ts'
import { SpinnerError } from '../errors.ts'
import type { Lease } from '../lease.ts'
import type { Sys } from '../sys.ts'

/** Why a request does not come out of the waiting room with a lease; an error of the child's own is thrown as it is. */
export class NoSeat extends Error {
  readonly why: 'full' | 'late' | 'gone'

  constructor(why: 'full' | 'late' | 'gone') {
    super(why)
    this.why = why
  }
}

/** How many may wait for one child, and for how long. */
export interface Patience {
  readonly places: number
  readonly seconds: number
}

/** One request's wait: for how long in all, however often it has to wait, and whether its client is still there. */
export interface Waiter {
  /** On the clock of the waiting room. */
  readonly until: number
  /** Aborted when the client has gone. */
  readonly gone: AbortSignal
}

/**
 * Where requests wait for a child that is not started (HAZARDS H52). Whoever waits holds a lease from the beginning, so
 * that the child that comes up is kept, and joins the one start that is under way.
 */
export class WaitingRoom {
  readonly #sys: Sys
  readonly #patience: Patience
  readonly #waiting = new Map<Child, number>()

  constructor(sys: Sys, patience: Patience) {
    this.#sys = sys
    this.#patience = patience
  }

  /** Until when a request that arrives now may wait. */
  deadline(): number {
    return this.#sys.clock.now() + this.#patience.seconds * 1_000
  }

  /** How many wait for a child. */
  waitingFor(child: Child): number {
    return this.#waiting.get(child) ?? 0
  }

  /** Waits until the child is started, and holds it. */
  async seat(child: Child, waiter: Waiter): Promise<Lease> {
    return this.#inside(child, waiter, async (signal) => {
      for (;;) {
        const lease = await this.#acquire(child, signal)
        // It may have begun to leave again before this turn came.
        if (lease && child.serves) return lease
        lease?.release()
      }
    })
  }

  /** Waits for a start that is under way, without holding the child or bringing it up. */
  async watch(child: Child, waiter: Waiter): Promise<void> {
    await this.#inside(child, waiter, (signal) => Promise.race([child.then(() => {}), rejectionOf(signal)]))
  }

  /** Waits a moment before the next try. */
  async pause(waiter: Waiter, ms: number): Promise<void> {
    const { clock } = this.#sys
    const left = waiter.until - clock.now()
    if (left <= 0) throw new NoSeat('late')
    await withTimer(clock, Math.min(ms, left), waiter.gone)
    if (waiter.gone.aborted) throw new NoSeat('gone')
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

  async #inside<Value>(
    child: Child,
    { gone, until }: Waiter,
    action: (signal: AbortSignal) => Promise<Value>,
  ): Promise<Value> {
    const { clock } = this.#sys
    const left = until - clock.now()
    if (gone.aborted) throw new NoSeat('gone')
    if (left <= 0) throw new NoSeat('late')
    if (this.waitingFor(child) >= this.#patience.places) throw new NoSeat('full')
    this.#waiting.set(child, this.waitingFor(child) + 1)
    const given = new AbortController()
    const onGone = (): void => given.abort(new NoSeat('gone'))
    gone.addEventListener('abort', onGone, { once: true })
    const timer = clock.setTimeout(() => given.abort(new NoSeat('late')), left)
    try {
      return await action(given.signal)
    } finally {
      clock.clearTimeout(timer)
      gone.removeEventListener('abort', onGone)
      this.#leave(child)
    }
  }

  #leave(child: Child): void {
    const left = this.waitingFor(child) - 1
    if (left > 0) this.#waiting.set(child, left)
    else this.#waiting.delete(child)
  }
}

function rejectionOf(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}

function withTimer(clock: Sys['clock'], ms: number, gone: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clock.clearTimeout(timer)
      gone.removeEventListener('abort', end)
      resolve()
    }
    const timer = clock.setTimeout(end, ms)
    gone.addEventListener('abort', end, { once: true })
    if (gone.aborted) end()
  })
}
