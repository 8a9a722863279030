import type { Exit } from '../../src/types/child.ts'
import { GroupState } from './group-state.ts'
import type { ReferenceTime } from './reference-time.ts'

const SURELY_KILLED_MS = 2_500

/**
 * Predicts what spinner knows of one process group, and when. The group is gone when the exit of its leader is known, its
 * output was read, no process of the group is alive, and its pipes are closed or have timed out.
 */
export class ReferenceProcess {
  readonly groupState = new GroupState()
  readonly pid: number
  readonly scope: 'group' | 'leader'
  /** True if the exit of the leader was reported. */
  exited = false
  ended = false
  gone = false
  /** Time of the stop signal. */
  askedAt: number | null = null
  readonly #time: ReferenceTime
  readonly #onEnded: (exit: Exit) => void
  readonly #afterEnd: (() => void)[] = []
  readonly #afterGone: (() => void)[] = []
  #killedAt: number | null = null
  #awaited = false
  #pipesClosed = false
  #closing = false
  /** True if the group was found empty. From then on its id may belong to another group. */
  #empty = false

  constructor(time: ReferenceTime, pid: number, scope: 'group' | 'leader', onEnded: (exit: Exit) => void) {
    this.#time = time
    this.pid = pid
    this.scope = scope
    this.#onEnded = onEnded
  }

  exit(): void {
    this.exited = true
    if (!this.groupState.group) this.#empty = true
    this.#time.pauses.push(() => this.#end())
  }

  close(): void {
    this.#pipesClosed = true
    this.#end()
    if (this.#closing) this.#vanish()
  }

  terminate(then: () => void): void {
    if (this.askedAt === null) {
      this.askedAt = this.#time.now
      if (this.scope === 'group') this.#ask('group')
      else {
        if (!this.exited) this.#ask('leader')
        this.#whenEnded(() => {
          if (this.#killedAt === null) this.#ask('group')
        })
      }
    }
    this.whenGone(then)
  }

  kill(): void {
    this.#killedAt ??= this.#time.now
    if (!this.#empty) this.groupState.take('SIGKILL', 'group')
  }

  /** True if a process is alive although SIGKILL was sent long enough ago. */
  get outlivesKill(): boolean {
    return (
      this.#killedAt !== null && this.#time.now - this.#killedAt >= SURELY_KILLED_MS && this.groupState.group
    )
  }

  whenGone(then: () => void): void {
    if (this.gone) {
      // This takes a microtask longer than the case of a child without a process, so other actions may come first.
      this.#time.soon(() => this.#time.soon(then))
      return
    }
    this.#afterGone.push(then)
    if (this.#awaited) return
    this.#awaited = true
    this.#whenEnded(() => this.#look())
  }

  #whenEnded(then: () => void): void {
    if (this.ended) this.#time.soon(then)
    else this.#afterEnd.push(then)
  }

  #ask(scope: 'group' | 'leader'): void {
    const isZombie = scope === 'leader' && !this.groupState.leader
    if (this.groupState.take('SIGTERM', scope) || isZombie) this.groupState.take('SIGCONT', 'group')
  }

  #end(): void {
    if (this.ended) return
    this.ended = true
    this.#onEnded(this.groupState.end as Exit)
    for (const then of this.#afterEnd) this.#time.soon(then)
  }

  #look(): void {
    if (!this.#empty && this.groupState.group) {
      this.#time.pauses.push(() => this.#look())
      return
    }
    this.#empty = true
    if (this.#pipesClosed) {
      this.#vanish()
      return
    }
    this.#closing = true
    this.#time.pauses.push(() => this.#vanish())
  }

  #vanish(): void {
    if (this.gone) return
    this.gone = true
    for (const then of this.#afterGone) this.#time.soon(then)
  }
}

/** Returns what is left of the time `full`, counted from the last stop signal; all of it if one process got no signal. */
export function graceLeft(whom: readonly ReferenceProcess[], full: number, now: number): number {
  const asked = whom.map(({ askedAt }) => askedAt ?? now)
  return asked.length === 0 ? full : Math.max(0, Math.max(...asked) + full - now)
}
