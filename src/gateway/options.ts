import type { IncomingMessage } from 'node:http'
import type { Duration, Logger, StartOptions } from '../types/options.ts'

/** A child: the name of one that the spinner knows, or the options of one that is started when it is first asked for. */
export type Destination = string | StartOptions

/**
 * Chooses a child for one request; `null` is a 404. `name` is what a wildcard or a header gave, and empty where there is
 * none. The options must have a `name`, of small letters, digits, `.`, `_` and `-`.
 */
export type Chooser = (
  request: IncomingMessage,
  name: string,
) => Destination | null | undefined | PromiseLike<Destination | null | undefined>

/** What holds for the requests of one route; for all of them when it is given to `createGateway`. */
export interface RouteRules {
  /** `'keep'`: an open WebSocket keeps the child awake. `'ignore'`: it neither wakes nor keeps it. @default 'keep' */
  websocket?: 'keep' | 'ignore'
  /** Paths, as the child sees them, whose requests neither wake a child nor keep it awake: `'/healthz'`, `'/hmr/*'`, or patterns. @default [] */
  ignore?: readonly (string | RegExp)[]
  /** Whether a browser that opens a page is shown that the child starts, instead of being kept waiting. @default false */
  waitingPage?: boolean
  /** Bodies of more bytes are refused with 413. A number, or a text such as `'10MB'`; `null`: no limit. @default null */
  maxBody?: number | string | null
  /** Seconds that the child may take until its answer begins, before the client gets 504; `null` or `-1`: for ever. @default 300 */
  answerTimeout?: Duration | null
}

/** Which requests go to which child. Of several that fit, the exact host wins, then the longest path, then a header. */
export interface Route extends RouteRules {
  /** `'app.localhost'`, or `'*.preview.localhost'` for any one label in front. Without it: the gateway's `hosts`. */
  host?: string
  /** A path and what lies below: `'/docs'` fits `/docs` and `/docs/a`, not `/docsa`. */
  path?: string
  /** Whether `path` is taken off before the child sees it. @default false */
  strip?: boolean
  /** A header that must be there; with a `value`, one that must be that. */
  header?: { readonly name: string; readonly value?: string }
  /** Where it leads. */
  to: Destination | Chooser
}

/** The options of {@link createGateway}. */
export interface GatewayOptions extends RouteRules {
  /** A table, or a function that chooses a child for each request. */
  routes: readonly Route[] | Chooser
  /** Hosts that routes without a `host` answer to, such as `'example.com'`; `'*'` is any. @default localhost, its subdomains, 127.0.0.1 and [::1] */
  hosts?: readonly string[]
  /** How many requests may wait for one child; further ones get 503. @default 512 */
  queue?: number
  /** Seconds that a request may wait for its child before it gets 503. @default 30 */
  wait?: Duration
  /** Proxies in front, whose forwarded headers are believed: addresses, networks, `'loopback'`, `'unix'`. @default [] */
  trustProxy?: readonly string[]
  /** Whether a client on this machine is told why a child does not start, with its last lines of stderr. @default true */
  showReasons?: boolean
  /** Seconds that `close()` waits for what is under way. @default 30 */
  drainTimeout?: Duration
  /** `null` silences. @default the spinner's */
  logger?: Logger | null
}

/** Where {@link Gateway.listen} listens. */
export interface ListenOptions {
  /** A TCP port; `0` takes a free one. @default 0 */
  port?: number
  /** Where it is bound. Only `127.0.0.1` and `::1` unless it is given. */
  host?: string
  /** A unix socket, instead of a port. */
  path?: string
  /** @default 1024 */
  maxConnections?: number
  /** Seconds that the head of a request may take. @default 15 */
  headersTimeout?: Duration
  /** Seconds that a whole request may take to arrive; `0`: any. Longer uploads need more. @default 120 */
  requestTimeout?: Duration
}

/** The rules of a route after validation. */
export interface Rules {
  readonly websocket: 'keep' | 'ignore'
  readonly ignore: readonly (string | RegExp)[]
  readonly waitingPage: boolean
  readonly maxBody: number | null
  /** Seconds. */
  readonly answerTimeout: number | null
}
