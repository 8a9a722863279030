import type { Exit } from '../../src/types/child.ts'
import { Life } from './life.ts'
import type { ReferenceTime } from './reference-time.ts'

const SURELY_KILLED_MS = 2_500

/**
 * What is known of one process group, and when. It is gone when its leader's end is known, its output was read, nothing
 * of the group lives, and its pipes are closed or have had their time.
 */
export class ReferenceProcess {
  readonly life = new Life()
  readonly pid: number
  readonly scope: 'group' | 'leader'
  /** The leader's end has been told. */
  exited = false
  ended = false
  gone = false
  /** When it was asked to end. */
  askedAt: number | null = null
  readonly #time: ReferenceTime
  readonly #onEnded: (exit: Exit) => void
  readonly #afterEnd: (() => void)[] = []
  readonly #afterGone: (() => void)[] = []
  #killedAt: number | null = null
  #awaited = false
  #pipesClosed = false
  #closing = false
  /** Nothing was left of it once, so that its number may be anybody's. */
  #empty = false

  constructor(time: ReferenceTime, pid: number, scope: 'group' | 'leader', onEnded: (exit: Exit) => void) {
    this.#time = time
    this.pid = pid
    this.scope = scope
    this.#onEnded = onEnded
  }

  exit(): void {
    this.exited = true
    if (!this.life.group) this.#empty = true
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
    if (!this.#empty) this.life.take('SIGKILL', 'group')
  }

  /** The kill was sent long enough ago, and something lives all the same. */
  get outlivesKill(): boolean {
    return this.#killedAt !== null && this.#time.now - this.#killedAt >= SURELY_KILLED_MS && this.life.group
  }

  whenGone(then: () => void): void {
    if (this.gone) {
      // To see that takes a moment longer than to see that there is no process: others may come first.
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
    const isZombie = scope === 'leader' && !this.life.leader
    if (this.life.take('SIGTERM', scope) || isZombie) this.life.take('SIGCONT', 'group')
  }

  #end(): void {
    if (this.ended) return
    this.ended = true
    this.#onEnded(this.life.end as Exit)
    for (const then of this.#afterEnd) this.#time.soon(then)
  }

  #look(): void {
    if (!this.#empty && this.life.group) {
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

/** What is left of a time that runs from the stop signal to the last of them on; all of it while one was not asked. */
export function graceLeft(whom: readonly ReferenceProcess[], full: number, now: number): number {
  const asked = whom.map(({ askedAt }) => askedAt ?? now)
  return asked.length === 0 ? full : Math.max(0, Math.max(...asked) + full - now)
}
