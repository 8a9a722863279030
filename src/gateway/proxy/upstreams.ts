import { closedError } from '../../errors.ts'
import type { Sys } from '../../sys.ts'
import type { Child } from '../../types/child.ts'
import type { Plugin } from '../../types/plugin.ts'
import { unlessAborted } from './in-flight.ts'
import { Upstream } from './upstream.ts'

/** How long upgraded connections and streams of events outlive the last request, so that a child can end them itself. */
const STREAMS_MS = 1_000

/** The ways to the processes that there are, and what becomes of them when a process is to end. */
export class UpstreamRegistry {
  readonly #sys: Sys
  /** By child, the newest last. There is more than one while processes end. */
  readonly #ways = new Map<Child, Upstream[]>()
  #isClosed = false

  constructor(sys: Sys) {
    this.#sys = sys
  }

  /** The way to the process that a child has now; null when it does not listen. */
  to(child: Child): Upstream | null {
    const { pid, target } = child
    const ways = this.#ways.get(child) ?? []
    const current = ways.at(-1)
    if (current && current.pid === pid && !current.isRetired) return current
    if (target === null) return null
    if (this.#isClosed) throw closedError()
    if (current) this.#retire(child, current)
    const upstream = new Upstream(this.#sys, target, child.info())
    this.#ways.set(child, [...(this.#ways.get(child) ?? []), upstream])
    return upstream
  }

  /** What takes part in the life of children. */
  plugin(): Plugin {
    return {
      name: 'gateway',
      drain: (child, _reason, signal) => this.#drain(child, signal),
      gone: (child) => this.#gone(child),
    }
  }

  /** Waits until no request is under way, or the signal ends the wait. */
  async quiet(signal: AbortSignal): Promise<void> {
    await unlessAborted(Promise.all(this.#all().map((upstream) => upstream.quiet())), signal)
  }

  /** Ends what lasts longer than a request. */
  endStreams(): void {
    for (const upstream of this.#all()) upstream.endStreams()
  }

  /** Ends all of it, and takes nothing new. */
  close(): void {
    this.#isClosed = true
    for (const upstream of this.#all()) upstream.destroy()
    this.#ways.clear()
  }

  #all(): Upstream[] {
    return [...this.#ways.values()].flat()
  }

  /**
   * Requests that are under way are waited for; what lasts longer gets a moment, and then ends. A child that still serves
   * has a new process already, and it is the one before that ends.
   */
  async #drain(child: Child, signal: AbortSignal): Promise<void> {
    // The child shows what has become of it when the turn of its machine is over.
    await Promise.resolve()
    const ending = (this.#ways.get(child) ?? []).filter(({ pid }) => !child.serves || pid !== child.pid)
    await unlessAborted(Promise.all(ending.map((upstream) => upstream.quiet())), signal)
    for (const upstream of ending) this.#retire(child, upstream)
    this.#sys.clock.setTimeout(() => {
      for (const upstream of ending) upstream.endStreams()
    }, STREAMS_MS)
  }

  /** What the process sent before it ended is still on its way. */
  #gone(child: Child): void {
    for (const upstream of this.#ways.get(child) ?? [])
      if (upstream.pid !== child.pid) this.#retire(child, upstream)
  }

  /** Nothing new takes that way; it is forgotten when nothing is under way on it. */
  #retire(child: Child, upstream: Upstream): void {
    if (upstream.isRetired) return
    upstream.retire()
    void upstream.empty().then(() => this.#forget(child, upstream))
  }

  #forget(child: Child, upstream: Upstream): void {
    const left = (this.#ways.get(child) ?? []).filter((each) => each !== upstream)
    if (left.length > 0) this.#ways.set(child, left)
    else this.#ways.delete(child)
  }
}
