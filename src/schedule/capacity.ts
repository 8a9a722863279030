import { messageOf, noSlotError, type SpinnerError } from '../errors.ts'
import { readPids, seesProcesses } from '../linux/processes.ts'
import { readUnits, StatReader } from '../linux/usage.ts'
import { formatSize } from '../options/units.ts'
import type { Sys } from '../sys.ts'
import type { ChildState } from '../types/child.ts'

/** A child, as far as the budget looks at it. */
export interface Evictable {
  readonly name: string
  readonly pid: number | null
  /** The number of its last use; null while it may not be ended for the sake of another one. */
  readonly lastUsed: number | null
  /** Ends it as if it were idle. */
  evict(reason: string): void
  /** Its start is given up: those who wait for it get the error. */
  rejectStart(error: SpinnerError): void
}

/** How much may run; at least one of the two is given. */
export interface Limits {
  readonly maxRunning: number | null
  /** Bytes. */
  readonly maxMemory: number | null
  warn(line: string): void
}

interface Waiter {
  readonly tenant: Evictable
  admit(): void
}

/** Memory is not looked at again sooner, unless a child has ended. */
const MEASURED_FOR_MS = 250

/**
 * Bounds how many children run. Who holds a place keeps it over restarts, until it is stopped or has failed. For one
 * more, the child that was used longest ago and is neither in use nor warm gives way; while there is none, starts wait in
 * the order in which they came.
 */
export class Capacity {
  readonly #sys: Sys
  readonly #limits: Limits
  readonly #reader: StatReader
  readonly #running = new Set<Evictable>()
  /** Told to give way or stopped otherwise, and not gone yet. */
  readonly #leaving = new Set<Evictable>()
  /** Their last start found no room, and nobody has asked since. */
  readonly #turnedAway = new WeakSet<Evictable>()
  #waiting: Waiter[] = []
  #measured = { at: Number.NEGATIVE_INFINITY, bytes: 0 }
  #hasWarned = false

  constructor(sys: Sys, limits: Limits) {
    this.#sys = sys
    this.#limits = limits
    this.#reader = new StatReader(sys)
  }

  /** Waits for a place, for so many seconds; the signal ends the wait. Never settles for a start that is given up. */
  async admit(tenant: Evictable, seconds: number, signal: AbortSignal): Promise<void> {
    this.#return(tenant)
    this.forgetRejection(tenant)
    if (this.#running.has(tenant)) return
    const { clock } = this.#sys
    await new Promise<void>((resolve) => {
      const leave = (): void => {
        clock.clearTimeout(timer)
        signal.removeEventListener('abort', leave)
        this.#waiting = this.#waiting.filter((each) => each !== waiter)
      }
      const waiter: Waiter = {
        tenant,
        admit: () => {
          leave()
          this.#running.add(tenant)
          resolve()
        },
      }
      const timer = clock.setTimeout(() => {
        leave()
        this.#turnedAway.add(tenant)
        tenant.rejectStart(noSlotError(tenant.name, seconds, this.#saying()))
      }, seconds * 1_000)
      signal.addEventListener('abort', leave, { once: true })
      this.#waiting.push(waiter)
      this.rebalance()
    })
  }

  /** Whether it is stopped because its last start found no room. */
  wasRejected(tenant: Evictable): boolean {
    return this.#turnedAway.has(tenant)
  }

  /** It is wanted no longer, or asks anew. */
  forgetRejection(tenant: Evictable): void {
    this.#turnedAway.delete(tenant)
  }

  /** A child has come into another state. Others are told to go only when its machine is at rest. */
  onState(tenant: Evictable, to: ChildState): void {
    if (to !== 'stopping') this.#return(tenant)
    else if (this.#running.has(tenant)) this.#leaving.add(tenant)
    if (to === 'stopped' || to === 'faulted') {
      this.#running.delete(tenant)
      this.#measured.at = Number.NEGATIVE_INFINITY
    }
    if (this.#waiting.length > 0) queueMicrotask(() => this.rebalance())
  }

  /** Something may have changed: admits whom there is room for, and makes room for the others. */
  rebalance(): void {
    for (let next = this.#waiting[0]; next && this.#hasRoom(); next = this.#waiting[0]) next.admit()
    const reason = `room was needed for '${this.#waiting[0]?.tenant.name}'`
    for (let wanted = this.#waiting.length - this.#leaving.size; wanted > 0; wanted--) {
      const oldest = this.#oldest()
      if (!oldest) return
      this.#leaving.add(oldest)
      oldest.evict(reason)
    }
  }

  /** It was stopped. Where it is wanted again already, it waits behind those for whose sake it went. */
  #return(tenant: Evictable): void {
    if (this.#leaving.delete(tenant)) this.#running.delete(tenant)
  }

  /** The one that was used longest ago of those that may give way. */
  #oldest(): Evictable | null {
    let [oldest, least]: [Evictable | null, number] = [null, Number.POSITIVE_INFINITY]
    for (const tenant of this.#running) {
      const since = tenant.lastUsed
      if (since === null || since >= least) continue
      oldest = tenant
      least = since
    }
    return oldest
  }

  #hasRoom(): boolean {
    const { maxMemory, maxRunning } = this.#limits
    if (maxRunning !== null && this.#running.size >= maxRunning) return false
    // One child alone may be larger than all are allowed to be; then it is that one or none.
    return maxMemory === null || this.#running.size === 0 || this.#memory() < maxMemory
  }

  /** Bytes that the groups of all running children have in memory; 0 where that cannot be seen. */
  #memory(): number {
    const { clock } = this.#sys
    if (clock.now() - this.#measured.at < MEASURED_FOR_MS) return this.#measured.bytes
    try {
      if (!seesProcesses(this.#sys)) throw new Error('this system has no /proc that shows them')
      const groups = new Set([...this.#running].map(({ pid }) => pid))
      const usages = readPids(this.#sys).map((pid) => this.#reader.read(pid))
      const pages = usages.reduce(
        (sum, usage) => sum + (usage && groups.has(usage.pgrp) ? usage.pages : 0),
        0,
      )
      this.#measured = { at: clock.now(), bytes: pages * readUnits(this.#sys).pageSize }
    } catch (thrown) {
      if (!this.#hasWarned) this.#limits.warn(`\`maxMemory\` is not kept: ${messageOf(thrown)}`)
      this.#hasWarned = true
      this.#measured = { at: clock.now(), bytes: 0 }
    }
    return this.#measured.bytes
  }

  #saying(): string {
    const { maxMemory, maxRunning } = this.#limits
    const running = maxRunning === null ? [] : [`\`maxRunning\` is ${maxRunning}`]
    return [...running, ...(maxMemory === null ? [] : [`\`maxMemory\` is ${formatSize(maxMemory)}`])].join(
      ', ',
    )
  }
}
