import type { Exit } from '../../src/events.ts'
import { Life } from './life.ts'
import type { ReferenceTime } from './reference-time.ts'

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
  readonly #time: ReferenceTime
  readonly #onEnded: (exit: Exit) => void
  readonly #afterEnd: (() => void)[] = []
  readonly #afterGone: (() => void)[] = []
  #terminated = false
  #killed = false
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
    if (!this.#terminated) {
      this.#terminated = true
      if (this.scope === 'group') this.#ask('group')
      else {
        if (!this.exited) this.#ask('leader')
        this.#whenEnded(() => {
          if (!this.#killed) this.#ask('group')
        })
      }
    }
    this.whenGone(then)
  }

  kill(): void {
    this.#killed = true
    if (!this.#empty) this.life.take('SIGKILL', 'group')
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
