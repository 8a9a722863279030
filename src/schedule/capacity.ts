import { messageOf, noSlotError, type SpinnerError } from '../errors.ts'
import { readPids, seesProcesses } from '../linux/processes.ts'
import { readUnits, StatReader } from '../linux/usage.ts'
import { formatSize } from '../options/units.ts'
import type { Sys } from '../sys.ts'
import type { ChildState } from '../types/child.ts'

/** A child, as the capacity sees it. */
export interface Evictable {
  readonly name: string
  readonly pid: number | null
  /** Number of the child's last use; larger is later. Null while the child must not be evicted. */
  readonly lastUsed: number | null
  /** Stops the child as if it were idle. */
  evict(reason: string): void
  /** Gives up the start of the child. All that wait for it get the error. */
  rejectStart(error: SpinnerError): void
}

/** Limits for the running children. At least one of the two is not null. */
export interface Limits {
  readonly maxRunning: number | null
  /** In bytes. */
  readonly maxMemory: number | null
  warn(line: string): void
}

interface Waiter {
  readonly child: Evictable
  admit(): void
}

/** A measurement of the memory is valid for this long, unless a child ends meanwhile. */
const MEASUREMENT_VALID_MS = 250

/**
 * Limits how many children run. A child keeps its slot over restarts, until it is stopped or faulted. To admit one more
 * child, the least recently used child that is neither in use nor warm is evicted. While there is none, starts wait in the
 * order of their arrival.
 */
export class Capacity {
  readonly #sys: Sys
  readonly #limits: Limits
  readonly #reader: StatReader
  readonly #running = new Set<Evictable>()
  /** Running children that are being evicted or stopped. */
  readonly #leaving = new Set<Evictable>()
  /** Children whose last start found no free slot and was not repeated since. */
  readonly #rejected = new WeakSet<Evictable>()
  #waiters: Waiter[] = []
  #memory = { measuredAt: Number.NEGATIVE_INFINITY, bytes: 0 }
  #hasWarned = false

  constructor(sys: Sys, limits: Limits) {
    this.#sys = sys
    this.#limits = limits
    this.#reader = new StatReader(sys)
  }

  /**
   * Waits for a slot for at most `seconds`. After that, rejects the child's start and never resolves. Never resolves
   * either if the signal is aborted.
   */
  async admit(child: Evictable, seconds: number, signal: AbortSignal): Promise<void> {
    this.#endLeaving(child)
    this.forgetRejection(child)
    if (this.#running.has(child)) return
    const { clock } = this.#sys
    await new Promise<void>((resolve) => {
      const leave = (): void => {
        clock.clearTimeout(timer)
        signal.removeEventListener('abort', leave)
        this.#waiters = this.#waiters.filter((each) => each !== waiter)
      }
      const waiter: Waiter = {
        child,
        admit: () => {
          leave()
          this.#running.add(child)
          resolve()
        },
      }
      const timer = clock.setTimeout(() => {
        leave()
        this.#rejected.add(child)
        child.rejectStart(noSlotError(child.name, seconds, this.#describeLimits()))
      }, seconds * 1_000)
      signal.addEventListener('abort', leave, { once: true })
      this.#waiters.push(waiter)
      this.rebalance()
    })
  }

  /** Returns true if the child is stopped because its last start found no free slot. */
  wasRejected(child: Evictable): boolean {
    return this.#rejected.has(child)
  }

  /** Forgets the rejection of a child that was stopped or is started again. */
  forgetRejection(child: Evictable): void {
    this.#rejected.delete(child)
  }

  /** Must be called after each change of a child's state. Evicts others in a microtask, when the child's machine is at rest. */
  onState(child: Evictable, to: ChildState): void {
    if (to !== 'stopping') this.#endLeaving(child)
    else if (this.#running.has(child)) this.#leaving.add(child)
    if (to === 'stopped' || to === 'faulted') {
      this.#running.delete(child)
      this.#memory.measuredAt = Number.NEGATIVE_INFINITY
    }
    if (this.#waiters.length > 0) queueMicrotask(() => this.rebalance())
  }

  /** Admits waiting children while there is room, and evicts others for the rest. */
  rebalance(): void {
    for (let next = this.#waiters[0]; next && this.#hasRoom(); next = this.#waiters[0]) next.admit()
    const reason = `room was needed for '${this.#waiters[0]?.child.name}'`
    for (let missing = this.#waiters.length - this.#leaving.size; missing > 0; missing--) {
      const child = this.#leastRecentlyUsed()
      if (!child) return
      this.#leaving.add(child)
      child.evict(reason)
    }
  }

  /** Takes the slot of a child that has left. If it is started again, it waits behind those it was evicted for. */
  #endLeaving(child: Evictable): void {
    if (this.#leaving.delete(child)) this.#running.delete(child)
  }

  #leastRecentlyUsed(): Evictable | null {
    let [found, leastUse]: [Evictable | null, number] = [null, Number.POSITIVE_INFINITY]
    for (const child of this.#running) {
      const use = child.lastUsed
      if (use === null || use >= leastUse) continue
      found = child
      leastUse = use
    }
    return found
  }

  #hasRoom(): boolean {
    const { maxMemory, maxRunning } = this.#limits
    if (maxRunning !== null && this.#running.size >= maxRunning) return false
    // A single child may use more than the limit, because otherwise it could never run.
    return maxMemory === null || this.#running.size === 0 || this.#usedMemory() < maxMemory
  }

  /** Returns the memory of the process groups of all running children in bytes; 0 if the system does not show it. */
  #usedMemory(): number {
    const { clock } = this.#sys
    if (clock.now() - this.#memory.measuredAt < MEASUREMENT_VALID_MS) return this.#memory.bytes
    try {
      if (!seesProcesses(this.#sys)) throw new Error('this system has no /proc that shows the processes')
      const groups = new Set([...this.#running].map(({ pid }) => pid))
      const usages = readPids(this.#sys).map((pid) => this.#reader.read(pid))
      const pages = usages.reduce(
        (sum, usage) => sum + (usage && groups.has(usage.pgrp) ? usage.pages : 0),
        0,
      )
      this.#memory = { measuredAt: clock.now(), bytes: pages * readUnits(this.#sys).pageSize }
    } catch (thrown) {
      if (!this.#hasWarned) this.#limits.warn(`\`maxMemory\` has no effect: ${messageOf(thrown)}`)
      this.#hasWarned = true
      this.#memory = { measuredAt: clock.now(), bytes: 0 }
    }
    return this.#memory.bytes
  }

  #describeLimits(): string {
    const { maxMemory, maxRunning } = this.#limits
    const running = maxRunning === null ? [] : [`\`maxRunning\` is ${maxRunning}`]
    const memory = maxMemory === null ? [] : [`\`maxMemory\` is ${formatSize(maxMemory)}`]
    return [...running, ...memory].join(', ')
  }
}
