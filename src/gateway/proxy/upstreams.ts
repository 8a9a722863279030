import { closedError } from '../../errors.ts'
import type { Sys } from '../../sys.ts'
import type { Child } from '../../types/child.ts'
import type { Plugin } from '../../types/plugin.ts'
import { unlessAborted } from './in-flight.ts'
import { Upstream } from './upstream.ts'

/** How long streams outlive the last request of a draining process, so that the child can end them itself. */
const STREAMS_MS = 1_000

/** Keeps the upstreams of all processes, and drains those whose process is about to end. */
export class UpstreamRegistry {
  readonly #sys: Sys
  /** Upstreams by child, the newest last. A child has several while old processes end. */
  readonly #upstreams = new Map<Child, Upstream[]>()
  #isClosed = false

  constructor(sys: Sys) {
    this.#sys = sys
  }

  /** Returns the upstream of the child's current process; null if the child does not listen. */
  upstreamOf(child: Child): Upstream | null {
    const { pid, target } = child
    const current = this.#upstreams.get(child)?.at(-1)
    if (current && current.pid === pid && !current.isRetired) return current
    if (target === null) return null
    if (this.#isClosed) throw closedError()
    if (current) this.#retire(child, current)
    const upstream = new Upstream(this.#sys, target, child.info())
    this.#upstreams.set(child, [...this.#of(child), upstream])
    return upstream
  }

  /** Returns the plugin that drains upstreams before their process ends. */
  plugin(): Plugin {
    return {
      name: 'gateway',
      drain: (child, _reason, signal) => this.#drain(child, signal),
      gone: (child) => this.#gone(child),
    }
  }

  /** Resolves when no request is in flight, or when `signal` is aborted. */
  async whenIdle(signal: AbortSignal): Promise<void> {
    await unlessAborted(Promise.all(this.#all().map((upstream) => upstream.whenIdle())), signal)
  }

  /** Ends upgraded connections and event streams. */
  endStreams(): void {
    for (const upstream of this.#all()) upstream.endStreams()
  }

  /** Aborts everything, and rejects new requests. */
  close(): void {
    this.#isClosed = true
    for (const upstream of this.#all()) upstream.destroy()
    this.#upstreams.clear()
  }

  #of(child: Child): readonly Upstream[] {
    return this.#upstreams.get(child) ?? []
  }

  #all(): Upstream[] {
    return [...this.#upstreams.values()].flat()
  }

  /**
   * Waits for the requests of the process that is about to end, and ends its streams a moment later. If the child still
   * serves, it has a new process already, and the previous one is about to end.
   */
  async #drain(child: Child, signal: AbortSignal): Promise<void> {
    const ending = this.#of(child).filter(({ pid }) => !child.serves || pid !== child.pid)
    await unlessAborted(Promise.all(ending.map((upstream) => upstream.whenIdle())), signal)
    for (const upstream of ending) this.#retire(child, upstream)
    this.#sys.clock.setTimeout(() => {
      for (const upstream of ending) upstream.endStreams()
    }, STREAMS_MS)
  }

  /** Retires upstreams instead of destroying them, because what the process sent before it ended may still arrive. */
  #gone(child: Child): void {
    for (const upstream of this.#of(child)) if (upstream.pid !== child.pid) this.#retire(child, upstream)
  }

  /** Sends no new requests to the upstream, and removes it when nothing is in flight. */
  #retire(child: Child, upstream: Upstream): void {
    if (upstream.isRetired) return
    upstream.retire()
    void upstream.whenEmpty().then(() => this.#remove(child, upstream))
  }

  #remove(child: Child, upstream: Upstream): void {
    const left = this.#of(child).filter((each) => each !== upstream)
    if (left.length > 0) this.#upstreams.set(child, left)
    else this.#upstreams.delete(child)
  }
}
