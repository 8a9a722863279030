import { codeOf } from '../../errors.ts'
import type { Sys } from '../../sys.ts'

/** Hosts for whom our number means nothing see by this that we live. */
const BEAT_MS = 1_000

/** A lock that was taken. It may be lost: a host that stood still for long enough seems dead to others. */
export class HeldLock {
  readonly #sys: Sys
  readonly #name: string
  readonly #uuid: string
  #timer: unknown = null
  #isReleased = false

  constructor(sys: Sys, name: string, uuid: string) {
    this.#sys = sys
    this.#name = name
    this.#uuid = uuid
    this.#beatLater()
  }

  async isOurs(): Promise<boolean> {
    try {
      return (await this.#sys.fs.promises.readFile(this.#name, 'latin1')).includes(this.#uuid)
    } catch (thrown) {
      if (codeOf(thrown) === 'ENOENT') return false
      throw thrown
    }
  }

  /** In this very turn: whoever closes a spinner may make the next one at once. */
  release(): void {
    const { clock, fs } = this.#sys
    this.#isReleased = true
    clock.clearTimeout(this.#timer)
    try {
      if (fs.readFileSync(this.#name, 'latin1').includes(this.#uuid)) fs.unlinkSync(this.#name)
    } catch {
      // What cannot be removed is found, and seen to be a dead host's, by the next one.
    }
  }

  #beatLater(): void {
    this.#timer = this.#sys.clock.setTimeout(() => void this.#beat(), BEAT_MS)
  }

  async #beat(): Promise<void> {
    const now = this.#sys.clock.date() / 1_000
    // What cannot be read or touched for once may be so the next time.
    if (!(await this.isOurs().catch(() => true))) return
    await this.#sys.fs.promises.utimes(this.#name, now, now).catch(() => {})
    if (!this.#isReleased) this.#beatLater()
  }
}
