import type { Sys } from '../sys.ts'

/** Looks take up at most a fifth of the host's time. */
const REST_PER_LOOK = 4

/** One look at something dear to read, shared by all who ask for it before it begins. */
export class SharedLook<Seen> {
  readonly #sys: Sys
  readonly #look: () => Seen | Promise<Seen>
  #next: Promise<Seen> | null = null
  #restUntil = 0

  constructor(sys: Sys, look: () => Seen | Promise<Seen>) {
    this.#sys = sys
    this.#look = look
  }

  /** What is seen from now on; never what was seen before. Rejects as the look does. */
  take(): Promise<Seen> {
    if (this.#next) return this.#next
    const rest = this.#restUntil - this.#sys.clock.now()
    if (rest <= 0) return this.#begin()
    this.#next = this.#sys.pause(rest).then(() => {
      // Who asks from here on may know of something newer than this look will see.
      this.#next = null
      return this.#begin()
    })
    return this.#next
  }

  async #begin(): Promise<Seen> {
    const { clock } = this.#sys
    const begun = clock.now()
    try {
      return await this.#look()
    } finally {
      this.#restUntil = clock.now() + (clock.now() - begun) * REST_PER_LOOK
    }
  }
}
