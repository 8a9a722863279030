/** What a lease needs of its child. */
import type { Address, Lease, Target } from '../types/child.ts'
export interface Leased {
  readonly address: Address | null
  readonly target: Target | null
  releaseLease(): void
}

/** Implements the public `Lease`. */
export class ChildLease implements Lease {
  readonly #child: Leased
  #held = true

  constructor(child: Leased) {
    this.#child = child
  }

  get address(): Address | null {
    return this.#child.address
  }

  get target(): Target | null {
    return this.#child.target
  }

  release(): void {
    if (!this.#held) return
    this.#held = false
    this.#child.releaseLease()
  }

  [Symbol.dispose](): void {
    this.release()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.release()
  }
}
