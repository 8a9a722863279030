import type { Sys } from '../sys.ts'

/** Looks take up at most a third of the host's time. */
const REST_PER_LOOK = 2
/** A look may seem long because the host was held up. */
const LONGEST_REST_MS = 50

/** One look at something dear to read, shared by all who ask for it before it begins. */
export class SharedLook<Seen> {
  readonly #sys: Sys
  readonly #look: () => Seen | Promise<Seen>
  #current: Promise<Seen> | null = null
  #next: Promise<Seen> | null = null
  #restUntil = 0

  constructor(sys: Sys, look: () => Seen | Promise<Seen>) {
    this.#sys = sys
    this.#look = look
  }

  /** What is seen from now on; never what was seen before. Rejects as the look does. */
  take(): Promise<Seen> {
    if (this.#next) return this.#next
    if (this.#current === null && this.#rest <= 0) return this.#begin()
    this.#next = this.#later()
    return this.#next
  }

  get #rest(): number {
    return this.#restUntil - this.#sys.clock.now()
  }

  async #later(): Promise<Seen> {
    await this.#current?.catch(() => {})
    if (this.#rest > 0) await this.#sys.pause(this.#rest)
    // Who asks from here on may know of something newer than this look will see.
    this.#next = null
    return this.#begin()
  }

  #begin(): Promise<Seen> {
    this.#current = this.#run()
    return this.#current
  }

  async #run(): Promise<Seen> {
    const { clock } = this.#sys
    const begun = clock.now()
    try {
      return await this.#look()
    } finally {
      const ended = clock.now()
      this.#restUntil = ended + Math.min((ended - begun) * REST_PER_LOOK, LONGEST_REST_MS)
      this.#current = null
    }
  }
}
