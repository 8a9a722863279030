import type { Launch } from './launch.ts'

/** A part of a child's processes: all, those that end before another attempt, or the one that was replaced. */
export type SlotGroup = 'all' | 'failed' | 'previous'

/**
 * The processes of one child, and the only record of which of them is the next, the current and the previous one. The
 * machine asks it in guards and changes it in actions. A child has one process, or for a while two with
 * `restartOrder: 'start-first'`.
 */
export class ProcessSlots {
  /** The process that serves, or the one that is being started while none serves. */
  current: Launch | null = null
  /** The process that is being started while `current` serves. */
  next: Launch | null = null
  /** The process that `current` has replaced, while it is being ended. */
  previous: Launch | null = null
  /** True while `current` serves until the next process is ready or given up. */
  isReplacing = false
  /** Processes that survived their kill, or ended by themselves with something left to end. */
  readonly leftovers: Set<Launch> = new Set()

  /** The process that was launched last: the one that an attempt is about. */
  get latest(): Launch | null {
    return this.isReplacing ? this.next : this.current
  }

  get all(): Launch[] {
    const slots = [this.current, this.next, this.previous].filter((launch) => launch !== null)
    return [...slots, ...this.leftovers]
  }

  /** All but the process that serves on when an attempt has failed. */
  get notServing(): Launch[] {
    return this.all.filter((launch) => !this.isReplacing || launch !== this.current)
  }

  get hasProcess(): boolean {
    return this.all.some(({ process }) => process !== null)
  }

  /** True if the previous process can still serve, as far as is known. */
  get canFallBack(): boolean {
    return this.previous?.process?.exit === null
  }

  /** True while a process serves although the child is in `restart`. */
  get isCovered(): boolean {
    return this.isReplacing || this.previous !== null
  }

  /** Puts a new launch beside the process that serves, or in the place of the current one. */
  place(launch: Launch): void {
    if (this.isReplacing) this.next = launch
    else this.current = launch
  }

  /** Lets the current process serve until the next one is ready. */
  beginReplacement(): void {
    this.isReplacing = true
    this.next = null
  }

  /** Keeps the current process, because the next one did not come up. */
  keepCurrent(): void {
    this.isReplacing = false
    this.next = null
  }

  /** Makes the next process the current one; the one before is still to be ended. */
  promote(): void {
    if (!this.isReplacing) return
    if (this.previous) this.leftovers.add(this.previous)
    this.previous = this.current
    this.current = this.next
    this.next = null
    this.isReplacing = false
  }

  /** Makes the previous process the current one again, because the one that replaced it has failed. */
  fallBack(): void {
    if (!this.previous) return
    this.next = this.current
    this.current = this.previous
    this.previous = null
    this.isReplacing = true
  }

  /** Drops the process that served until now, because it ended by itself: what it left is still to be ended. */
  dropServing(): void {
    this.promote()
    if (this.previous) this.leftovers.add(this.previous)
    this.previous = null
  }

  /** Gives up a replacement: no process serves any more, and all are to be ended. */
  abandonReplacement(): void {
    // A next process that was never spawned leaves the current one as the process that the child has.
    if (this.isReplacing && !this.next?.process) this.keepCurrent()
    else this.promote()
  }

  /** Forgets the next process: it is gone. */
  clearNext(): void {
    this.next = null
  }

  /** Forgets the previous process: it is gone, or it is among the leftovers. */
  clearPrevious(): void {
    this.previous = null
  }

  /** Forgets all processes. */
  clear(): void {
    this.current = null
    this.next = null
    this.previous = null
    this.isReplacing = false
    this.leftovers.clear()
  }

  /** Moves a process that survived its kill out of the way: only the stop of the child waits for it. */
  leaveBehind(launch: Launch | null): void {
    if (!launch?.process) return
    this.leftovers.add(launch)
    void launch.process.whenGone().then(() => this.leftovers.delete(launch))
  }

  /** Milliseconds of `full` that a group has left, counted from the last stop signal that went out. */
  graceLeft(group: SlotGroup, full: number, now: number): number {
    const signalled = this.#in(group).flatMap(({ process }) => (process ? [process.signalledAt ?? now] : []))
    return signalled.length === 0 ? full : Math.max(0, Math.max(...signalled) + full - now)
  }

  /** True if something of a group lives although it was killed this many milliseconds ago. */
  outlivesKill(group: SlotGroup, ms: number): boolean {
    return this.#in(group).some(({ process }) => process?.outlivesKill(ms))
  }

  #in(group: SlotGroup): readonly Launch[] {
    if (group === 'all' || (group === 'failed' && !this.isReplacing)) return this.all
    const one = group === 'failed' ? this.next : this.previous
    return one ? [one] : []
  }
}

/** Returns the pids of everything that lives of these launches. */
export const survivorsOf = (launches: readonly Launch[]): number[] =>
  launches.flatMap(({ process }) => process?.survivors() ?? [])
