import type { Socket } from 'node:net'
import { codeOf } from '../../errors.ts'
import type { Sys } from '../../sys.ts'
import type { Target } from '../../types/child.ts'

/** Receives a connection, or the reason why there is none. Called exactly once. */
export type OnConnected = (error: Error | null, socket: Socket | null) => void

/** Maximum number of connections that are being opened to one process, because its backlog is short. */
const MAX_CONNECTING = 64
const TIMEOUT_MS = 10_000
const RETRY_MS = 10

/** Error code for a full backlog. The process did not refuse the connection, so another try can succeed. */
const BACKLOG_FULL = 'EAGAIN'

/** Opens connections to one process, a limited number at a time. */
export class Connector {
  readonly #sys: Sys
  readonly #target: Target
  readonly #queue: OnConnected[] = []
  #connecting = 0

  constructor(sys: Sys, target: Target) {
    this.#sys = sys
    this.#target = target
  }

  connect(onConnected: OnConnected): void {
    if (this.#connecting >= MAX_CONNECTING) {
      this.#queue.push(onConnected)
      return
    }
    this.#connecting++
    const { clock } = this.#sys
    this.#try(clock.now() + TIMEOUT_MS, (error, socket) => {
      this.#connecting--
      onConnected(error, socket)
      const next = this.#queue.shift()
      if (next) this.connect(next)
    })
  }

  #try(deadline: number, onConnected: OnConnected): void {
    const { clock } = this.#sys
    const socket = this.#sys.connect(this.#target).setNoDelay(true)
    const onTimeout = (): void => void socket.destroy(new Error('it does not accept the connection'))
    const timer = clock.setTimeout(onTimeout, deadline - clock.now())
    const settle = (error: Error | null): void => {
      clock.clearTimeout(timer)
      socket.off('connect', onConnect).off('error', settle)
      // The receiver adds its own listener a turn later, and the connection can fail before that.
      socket.on('error', () => {})
      if (error === null) onConnected(null, socket)
      else this.#onFailed(error, socket, deadline, onConnected)
    }
    const onConnect = (): void => settle(null)
    socket.once('connect', onConnect).once('error', settle)
  }

  #onFailed(error: Error, socket: Socket, deadline: number, onConnected: OnConnected): void {
    socket.destroy()
    if (codeOf(error) !== BACKLOG_FULL || this.#sys.clock.now() >= deadline) onConnected(error, null)
    else void this.#sys.pause(RETRY_MS).then(() => this.#try(deadline, onConnected))
  }
}
