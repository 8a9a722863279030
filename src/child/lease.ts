import type { Address } from '../emitter.ts'
import type { Target } from '../sys.ts'

/** What a lease needs of its child. */
export interface Leased {
  readonly address: Address | null
  readonly target: Target | null
  /** @internal */
  letGo(): void
}

/**
 * Says that a child is in use. While one is held the child is never idle; letting go restarts its idle clock.
 *
 * @example
 * import { createSpinner } from 'spinner'
 *
 * const spinner = createSpinner({ logger: null })
 * const lease = await spinner.acquire({ name: 'sleeper', command: 'sleep', args: ['60'], listen: null })
 * lease.release()
 * await spinner.close()
 */
export class Lease {
  readonly #child: Leased
  #held = true

  /** @internal */
  constructor(child: Leased) {
    this.#child = child
  }

  /** Where the child listens now. */
  get address(): Address | null {
    return this.#child.address
  }

  /** The same, as `http.request` and `net.connect` take it. */
  get target(): Target | null {
    return this.#child.target
  }

  /** Lets go. A second call does nothing. */
  release(): void {
    if (!this.#held) return
    this.#held = false
    this.#child.letGo()
  }

  [Symbol.dispose](): void {
    this.release()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.release()
  }
}
