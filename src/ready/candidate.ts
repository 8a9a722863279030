import type { ListenerOwners } from '../address/listener-owner.ts'
import type { ManagedProcess } from '../process/managed-process.ts'
import type { Sys } from '../sys.ts'
import type { Address, Child } from '../types/child.ts'
import type { ChildSettings } from '../types/options.ts'
import type { Subscribe } from './signals.ts'
import type { SocketWatch } from './socket-watch.ts'

/** A process that is starting, with the tools that find out when it is ready. */
export interface Candidate {
  readonly sys: Sys
  readonly listenerOwners: ListenerOwners
  readonly socketWatch: SocketWatch
  readonly settings: ChildSettings
  /** The address that the process was given; null if it is not to listen. */
  readonly address: Address | null
  readonly process: ManagedProcess
  readonly child: Child
  readonly onLine: Subscribe<string>
  /** Called as soon as something listens on the address, before it is known which process that is. */
  readonly onBound: () => void
  /** Called with a description if the process listens on other ports than its own. */
  readonly onElsewhere: (description: string) => void
}

/** Returns true if the process has a path of its own, which becomes the child's address only when it is ready. */
export const hasOwnPath = ({ address, child }: Candidate): boolean => address !== child.address
