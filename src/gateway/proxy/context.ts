import type { Duplex } from 'node:stream'
import type { Sys } from '../../sys.ts'
import type { Logger } from '../../types/options.ts'
import type { Spinner } from '../../types/spinner.ts'
import type { Trust } from '../http/forwarded.ts'
import type { RequestHead } from '../http/request-head.ts'
import type { KnownCall } from '../http/respond.ts'
import type { RouteMatch } from '../routing/router.ts'
import type { StartQueue, Ticket } from './start-queue.ts'
import type { UpstreamRegistry } from './upstreams.ts'

/** Objects and settings that all requests of a gateway share. */
export interface GatewayContext {
  readonly sys: Sys
  readonly spinner: Spinner
  readonly queue: StartQueue
  readonly upstreams: UpstreamRegistry
  readonly trust: Trust | null
  readonly showReasons: boolean
  readonly logger: Logger | null
}

/** Facts about a request that only the server which received it knows. */
export interface HandleOptions {
  /** The client waits for `100 Continue` before it sends its body, and Node has not sent that. @default false */
  readonly mustContinue?: boolean
  /** The request came through a server of the host, whose response may already have headers. @default false */
  readonly isMounted?: boolean
  /** Takes over the connection of an upgrade request. Absent for other requests. */
  readonly take?: Upgrade['take']
  /** Passes on a request that no route matches, such as the `next` of a framework. */
  readonly next?: (() => void) | undefined
}

/** A request for which a route was found. Built once and then passed on as it is. */
export interface ProxyRequest {
  readonly call: KnownCall
  readonly head: RequestHead
  readonly match: RouteMatch
  readonly options: HandleOptions
  readonly upgrade: Upgrade | null
  /** Deadline and abort signal, if the request has already waited; otherwise null. */
  readonly ticket: Ticket | null
}

/** A request to switch its connection to another protocol. */
export interface Upgrade {
  readonly protocol: string
  /** Hands over the client's connection and the bytes that the client has already sent. */
  take(): { readonly client: Duplex; readonly early: Buffer }
}
