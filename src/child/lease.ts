import { untilAborted } from '../promises.ts'
import type { Address, Lease, Target } from '../types/child.ts'
import type { Usage } from './usage.ts'
import type { Waiters } from './waiters.ts'

/** The part of a child that a lease needs. */
interface Leased {
  readonly address: Address | null
  readonly target: Target | null
  /** Starts the child, or joins the start that is under way. */
  begin(): void
}

/** Starts a child if needed and holds it. The child counts as used from the call on, not only from the lease on. */
export async function acquireLease(
  child: Leased,
  usage: Usage,
  waiters: Waiters,
  signal: AbortSignal | undefined,
): Promise<Lease> {
  usage.acquire()
  try {
    child.begin()
    await untilAborted(waiters.outcome(), signal)
    return new ChildLease(child, usage)
  } catch (thrown) {
    usage.release()
    throw thrown
  }
}

/** Implements the public `Lease`. */
export class ChildLease implements Lease {
  readonly #child: Leased
  readonly #usage: Usage
  #isHeld = true

  /** `usage` counts this lease already. */
  constructor(child: Leased, usage: Usage) {
    this.#child = child
    this.#usage = usage
  }

  get address(): Address | null {
    return this.#child.address
  }

  get target(): Target | null {
    return this.#child.target
  }

  release(): void {
    if (!this.#isHeld) return
    this.#isHeld = false
    this.#usage.release()
  }

  [Symbol.dispose](): void {
    this.release()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.release()
  }
}
