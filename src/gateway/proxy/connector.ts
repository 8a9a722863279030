import type { Socket } from 'node:net'
import { codeOf } from '../../errors.ts'
import type { Sys } from '../../sys.ts'
import type { Target } from '../../types/child.ts'

/** A connection or why there is none, told exactly once. */
export type Connected = (error: Error | null, socket: Socket | null) => void

/** How many connections are under way to one process at once: its queue of those it has not accepted yet is short. */
const AT_ONCE = 64
const TIMEOUT_MS = 10_000
const PAUSE_MS = 10

/** The queue of the process is full: that is no refusal, and passes. */
const FULL = 'EAGAIN'

/** Connects to one process, so many at a time. */
export class Connector {
  readonly #sys: Sys
  readonly #target: Target
  readonly #queue: Connected[] = []
  #underWay = 0

  constructor(sys: Sys, target: Target) {
    this.#sys = sys
    this.#target = target
  }

  connect(connected: Connected): void {
    if (this.#underWay >= AT_ONCE) {
      this.#queue.push(connected)
      return
    }
    this.#underWay++
    const { clock } = this.#sys
    this.#try(clock.now() + TIMEOUT_MS, (error, socket) => {
      this.#underWay--
      connected(error, socket)
      const next = this.#queue.shift()
      if (next) this.connect(next)
    })
  }

  #try(until: number, connected: Connected): void {
    const { clock } = this.#sys
    const socket = this.#sys.connect(this.#target).setNoDelay(true)
    const timer = clock.setTimeout(() => socket.destroy(new Error('it does not accept')), until - clock.now())
    const settle = (error: Error | null): void => {
      clock.clearTimeout(timer)
      socket.off('connect', onConnect).off('error', settle)
      // Whoever gets it listens a turn later, and it may break before that.
      socket.on('error', () => {})
      if (error === null) connected(null, socket)
      else this.#failed(error, socket, until, connected)
    }
    const onConnect = (): void => settle(null)
    socket.once('connect', onConnect).once('error', settle)
  }

  #failed(error: Error, socket: Socket, until: number, connected: Connected): void {
    socket.destroy()
    if (codeOf(error) !== FULL || this.#sys.clock.now() >= until) connected(error, null)
    else void this.#sys.pause(PAUSE_MS).then(() => this.#try(until, connected))
  }
}
