import type { IncomingMessage } from 'node:http'
import type { Duration, Logger, StartOptions } from '../types/options.ts'

/** A child: the name of a child that the spinner knows, or the options with which the first request starts it. */
export type Destination = string | StartOptions

/**
 * Chooses a child for one request; `null` or `undefined` answers with 404. `name` is the match of the wildcard in `host`, or the value
 * of the `header`, and otherwise the empty string. Returned options must have a `name` of lower-case letters, digits, `.`, `_` and `-`.
 */
export type Chooser = (
  request: IncomingMessage,
  name: string,
) => Destination | null | undefined | PromiseLike<Destination | null | undefined>

/** Rules for the requests of one route. Passed to `createGateway`, they are the defaults of all routes. */
export interface RouteRules {
  /** `'keep'`: an open WebSocket keeps the child running. `'ignore'`: it neither starts the child nor keeps it running. @default 'keep' */
  websocket?: 'keep' | 'ignore'
  /** Paths, as the child sees them, whose requests neither start a child nor keep it running: `'/healthz'`, `'/hmr/*'`, or regular expressions. @default [] */
  ignore?: readonly (string | RegExp)[]
  /** Shows a waiting page to a browser that opens a page while the child starts, instead of delaying the response. @default false */
  waitingPage?: boolean
  /** Maximum size of a request body, in bytes or as a string such as `'10MB'`; a larger body gets 413. `null`: no limit. @default null */
  maxBody?: number | string | null
  /** Seconds until the child's response must begin; after that the client gets 504. `null` or `-1`: no limit. @default 300 */
  answerTimeout?: Duration | null
}

/** Maps requests to a child. If several routes match, the exact host wins, then the longest path, then a header. */
export interface Route extends RouteRules {
  /** Host name to match: `'app.localhost'`, or `'*.preview.localhost'` for any single label in place of `*`. Default: the gateway's `hosts`. */
  host?: string
  /** Path prefix to match: `'/docs'` matches `/docs` and `/docs/a`, but not `/docsa`. */
  path?: string
  /** Removes `path` from the URL that the child sees. @default false */
  strip?: boolean
  /** Header that a request must have. With `value`, the header must also have this value. */
  header?: { readonly name: string; readonly value?: string }
  /** Child that receives the requests. */
  to: Destination | Chooser
}

/** Options of {@link createGateway}. */
export interface GatewayOptions extends RouteRules {
  /** An array of routes, or a function that chooses a child for each request. */
  routes: readonly Route[] | Chooser
  /** Hosts that routes without a `host` match, such as `'example.com'`; `'*'` matches any host. @default localhost, its subdomains, 127.0.0.1 and [::1] */
  hosts?: readonly string[]
  /** Maximum number of requests that wait for one child; further requests get 503. @default 512 */
  queue?: number
  /** Seconds that a request waits for its child before it gets 503. @default 30 */
  wait?: Duration
  /** Proxies in front of the gateway whose forwarded headers are trusted: addresses, networks, `'loopback'`, `'unix'`. @default [] */
  trustProxy?: readonly string[]
  /** Shows a client on this machine why a child does not start, with the child's last lines of stderr. @default true */
  showReasons?: boolean
  /** Seconds that `close()` waits for requests in flight. @default 30 */
  drainTimeout?: Duration
  /** Receives log lines; `null` disables logging. @default the spinner's */
  logger?: Logger | null
}

/** Options of {@link Gateway.listen}. */
export interface ListenOptions {
  /** TCP port; `0` picks a free one. @default 0 */
  port?: number
  /** Address to bind to. Default: only `127.0.0.1` and `::1`. */
  host?: string
  /** Path of a unix socket to listen on instead of a port. */
  path?: string
  /** Maximum number of concurrent connections, for each address that is bound. @default 1024 */
  maxConnections?: number
  /** Seconds within which the headers of a request must arrive. @default 15 */
  headersTimeout?: Duration
  /** Seconds within which a whole request must arrive; `0`: no limit. Long uploads need a higher value. @default 120 */
  requestTimeout?: Duration
}

/** Rules of a route after validation. */
export interface Rules {
  readonly websocket: 'keep' | 'ignore'
  readonly ignore: readonly (string | RegExp)[]
  readonly waitingPage: boolean
  /** In bytes; null for no limit. */
  readonly maxBody: number | null
  /** In seconds; null for no limit. */
  readonly answerTimeout: number | null
}
