import type { Sys } from '../sys.ts'
import type { Bearer, Census } from './census.ts'
import { isGroupOfOurs } from './group.ts'
import { looks } from './looks.ts'
import { isWatchdog } from './mark.ts'

/** Where nothing can be seen for so many looks in a row (out of descriptors, say), nothing is known to be left. */
const BLIND_LOOKS = 8

/** What is to be sent to a process that is still there. */
export type Order = NodeJS.Signals | null

/** The processes of one launch that left its group: daemons, and whatever called setsid(2). Linux only. */
export class Strays {
  readonly #sys: Sys
  readonly #census: Census
  readonly #mark: string
  readonly #asked = new Set<number>()

  constructor(sys: Sys, census: Census, mark: string) {
    this.#sys = sys
    this.#census = census
    this.#mark = mark
  }

  /** Pids of those that live. */
  pids(): number[] {
    try {
      return this.#census.bearersNow(this.#mark).map(({ pid }) => pid)
    } catch {
      return []
    }
  }

  /** Resolves when none lives. `order` is asked at each look; all but the kill is sent once to each. */
  async whenGone(order: () => Order): Promise<void> {
    if (this.#sys.platform !== 'linux') return
    let blind = 0
    for (const wait of looks()) {
      try {
        const left = await this.#census.bearersOf(this.#mark)
        if (left.length === 0) return
        blind = 0
        const signal = order()
        if (signal !== null) for (const bearer of left) this.#send(bearer, signal)
      } catch {
        if (++blind === BLIND_LOOKS) return
      }
      await this.#sys.pause(wait)
    }
  }

  /** What an inner spinner has started is asked by that one, when its host ends. */
  #send({ pid, mark }: Bearer, signal: NodeJS.Signals): void {
    if (isWatchdog(mark) || !isGroupOfOurs(this.#sys, pid)) return
    if (signal !== 'SIGKILL' && (mark !== this.#mark || this.#asked.has(pid))) return
    this.#asked.add(pid)
    try {
      this.#sys.kill(pid, signal)
      this.#sys.kill(pid, 'SIGCONT')
    } catch {
      // It has ended since, or it may not be signalled: the next look tells.
    }
  }
}
