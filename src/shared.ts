import type { Owners } from './address/owner.ts'
import type { PortAllocator } from './address/ports.ts'
import type { SocketAllocator } from './address/sockets.ts'
import type { Child } from './child.ts'
import type { Exit, OutputStream } from './events.ts'
import type { Gate } from './gate.ts'
import type { MachineEvent } from './machine-setup.ts'
import type { Plugins } from './plugins.ts'
import type { Census } from './process/census.ts'
import type { Marks } from './process/mark.ts'
import type { Watchdog } from './process/watchdog.ts'
import type { SocketWatch } from './ready/socket-watch.ts'
import type { Rounds } from './rounds.ts'
import type { Sys } from './sys.ts'

/** What all children of a spinner share. */
export interface Shared {
  readonly sys: Sys
  readonly gate: Gate
  readonly rounds: Rounds
  readonly sockets: SocketAllocator
  readonly ports: PortAllocator
  readonly owners: Owners
  readonly socketWatch: SocketWatch
  readonly plugins: Plugins
  readonly marks: Marks
  readonly census: Census
  /** Null where children shall outlive the host. */
  readonly watchdog: Watchdog | null
}

/** How a child hears of what its resources meet. */
export interface Owner {
  readonly child: Child
  send(event: MachineEvent): void
  line(stream: OutputStream, line: string): void
  message(message: unknown): void
  exited(exit: Exit): void
  error(error: Error): void
}
