import { EventEmitter } from 'node:events'
import { GroupState } from './group-state.ts'

class SimulatedStream extends EventEmitter {
  destroyed = false
  destroy(): void {
    this.destroyed = true
  }
}

/** A process that does only what the schedule makes it do. */
export class SimulatedProcess extends EventEmitter {
  readonly stdin = null
  readonly connected = false
  readonly stdout = new SimulatedStream()
  readonly stderr = new SimulatedStream()
  readonly groupState = new GroupState()
  readonly child: string
  readonly pid: number | undefined
  /** The path in its variable PORT; `null` if PORT is not the path of a socket. */
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
