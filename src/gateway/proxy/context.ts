import type { Duplex } from 'node:stream'
import type { Sys } from '../../sys.ts'
import type { Logger } from '../../types/options.ts'
import type { Spinner } from '../../types/spinner.ts'
import type { Trust } from '../http/forwarded.ts'
import type { RequestHead } from '../http/request-head.ts'
import type { KnownCall } from '../http/respond.ts'
import type { Destination, Rules } from '../options.ts'
import type { StartQueue, Ticket } from './start-queue.ts'
import type { UpstreamRegistry } from './upstreams.ts'

/** What all visits of a gateway share. */
export interface GatewayContext {
  readonly sys: Sys
  readonly spinner: Spinner
  readonly queue: StartQueue
  readonly upstreams: UpstreamRegistry
  readonly trust: Trust | null
  readonly showReasons: boolean
  readonly logger: Logger | null
}

/** A request that has found its way, and what holds for it. */
export interface ProxyRequest extends KnownCall {
  readonly asked: RequestHead
  readonly to: Destination
  readonly rules: Rules
  /** As the child will see it. */
  readonly path: string
  /** What was taken off the path. */
  readonly prefix: string
  /** The client holds its body back until it is told to send it, and Node has not told it. */
  readonly mustContinue: boolean
  /** It came through a server of the host's, whose response may have headers already. */
  readonly isMounted: boolean
  readonly upgrade: Upgrade | null
  /** Of one that has waited already; null of one that has not. */
  readonly waiter: Ticket | null
}

/** A connection that is to speak another protocol. */
export interface Upgrade {
  readonly protocol: string
  /** Hands the client's connection over, with what it has sent already. The answer to its request goes another way. */
  take(): { readonly client: Duplex; readonly early: Buffer }
}

/** The name of the child that a destination means. */
export const targetName = (to: Destination): string =>
  typeof to === 'string' ? to : (to.name ?? to.script ?? '')
