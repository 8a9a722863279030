import { EventEmitter } from 'node:events'
import { Life } from './life.ts'

class SimulatedStream extends EventEmitter {
  destroyed = false
  destroy(): void {
    this.destroyed = true
  }
}

/** A process that does nothing but what the schedule says. */
export class SimulatedProcess extends EventEmitter {
  readonly stdin = null
  readonly connected = false
  readonly stdout = new SimulatedStream()
  readonly stderr = new SimulatedStream()
  readonly life = new Life()
  readonly child: string
  readonly pid: number | undefined
  /** The path that it was told to bind; `null` where it was told none. */
  readonly port: string | null
  bound = false
  failure: Error | null = null
  exitTold = false
  closeTold = false

  constructor(child: string, pid: number | undefined, port: string | null) {
    super()
    this.child = child
    this.pid = pid
    this.port = port
  }
}
