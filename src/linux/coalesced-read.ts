import type { Sys } from '../sys.ts'

/** Looks take up at most a third of the host's time, and less while more who will ask are on their way. */
const REST_PER_LOOK = 2
const REST_PER_BUSY_LOOK = 12
/** Upper bound for the pause: a read may seem long because the host was blocked. */
const LONGEST_REST_MS = 50

/** One expensive read, shared by all callers that ask before it begins. */
export class CoalescedRead<Seen> {
  readonly #sys: Sys
  readonly #look: () => Seen | Promise<Seen>
  readonly #isBusy: () => boolean
  #current: Promise<Seen> | null = null
  #next: Promise<Seen> | null = null
  #restUntil = 0

  /** `isBusy` returns true if other callers will soon ask too, and can share the result. */
  constructor(sys: Sys, look: () => Seen | Promise<Seen>, isBusy: () => boolean = () => false) {
    this.#sys = sys
    this.#look = look
    this.#isBusy = isBusy
  }

  /** Returns the result of a read that begins after the call, never an earlier one. Rejects if the read does. */
  read(): Promise<Seen> {
    // Begin later: callers of the same turn share the read.
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
