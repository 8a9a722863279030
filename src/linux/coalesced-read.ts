import type { Sys } from '../sys.ts'

/** Looks take up at most a third of the host's time, and less while more who will ask are on their way. */
const REST_PER_LOOK = 2
const REST_PER_BUSY_LOOK = 12
/** A look may seem long because the host was held up. */
const LONGEST_REST_MS = 50

/** One look at something dear to read, shared by all who ask for it before it begins. */
export class CoalescedRead<Seen> {
  readonly #sys: Sys
  readonly #look: () => Seen | Promise<Seen>
  readonly #isBusy: () => boolean
  #current: Promise<Seen> | null = null
  #next: Promise<Seen> | null = null
  #restUntil = 0

  /** `isBusy` tells whether others will soon ask as well, and can share what is seen. */
  constructor(sys: Sys, look: () => Seen | Promise<Seen>, isBusy: () => boolean = () => false) {
    this.#sys = sys
    this.#look = look
    this.#isBusy = isBusy
  }

  /** What is seen from now on; never what was seen before. Rejects as the look does. */
  read(): Promise<Seen> {
    // Not at once: whoever asks in the same turn shares it.
    this.#next ??= this.#later()
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
      const rest = this.#isBusy() ? REST_PER_BUSY_LOOK : REST_PER_LOOK
      this.#restUntil = ended + Math.min((ended - begun) * rest, LONGEST_REST_MS)
      this.#current = null
    }
  }
}
