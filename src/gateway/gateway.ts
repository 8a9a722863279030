import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { closedError } from '../errors.ts'
import type { Sys } from '../sys.ts'
import type { Spinner } from '../types/spinner.ts'
import type { Page } from './http/pages.ts'
import { isBadRequest, parseRequestHead, readUpgrade } from './http/request-head.ts'
import { type HttpCall, type KnownCall, sendPage } from './http/respond.ts'
import type { GatewayOptions, ListenOptions } from './options.ts'
import type { GatewayContext, HandleOptions, ProxyRequest } from './proxy/context.ts'
import { CLOSING_PAGE, reportFailure } from './proxy/error-page.ts'
import { InFlight, unlessAborted } from './proxy/in-flight.ts'
import { ProxyHandler } from './proxy/proxy.ts'
import { type QueueLimits, StartQueue } from './proxy/start-queue.ts'
import { UpstreamRegistry } from './proxy/upstreams.ts'
import type { GatewaySettings } from './read-options.ts'
import { readGateway, readListen } from './read-options.ts'
import { type RouteMatch, Router } from './routing/router.ts'
import { peerOf } from './server/peer.ts'
import { closeWithConnection } from './server/pipelining.ts'
import { type ListenAddress, Servers } from './server/server.ts'
import { newUpgradeCall } from './server/upgrade.ts'

/** A request after routing. A page instead of a match tells the client why there is none. */
type RoutedRequest = Omit<ProxyRequest, 'match'> & { readonly match: RouteMatch | Page }

/**
 * The HTTP front of a spinner: starts children at their first request and forwards requests to them. Created by
 * {@link createGateway}.
 */
export class Gateway {
  /**
   * Handles one request, for `http.createServer`, Express, or the `raw` request and reply of Fastify. If no route matches,
   * calls `next`; without a `next`, responds with 404.
   */
  readonly handler: (request: IncomingMessage, response: ServerResponse, next?: () => void) => void
  /**
   * Handles a request to switch to another protocol, for the `upgrade` event of a server. If no route matches, calls `next`
   * and leaves the connection as it was; without a `next`, responds with 404.
   */
  readonly upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer, next?: () => void) => void
  #context: GatewayContext
  #settings: GatewaySettings
  #router: Router
  readonly #inFlight = new InFlight()
  readonly #servers = new Set<Servers>()
  readonly #removePlugin: () => void
  #closing: Promise<void> | null = null

  /** @internal */
  constructor(sys: Sys, spinner: Spinner, settings: GatewaySettings) {
    this.#settings = settings
    const queue = new StartQueue(sys, limitsOf(settings))
    this.#context = newContext({ sys, spinner, queue, upstreams: new UpstreamRegistry(sys) }, settings)
    this.#router = new Router(settings, spinner)
    this.handler = (request, response, next) =>
      void this.#serve({ request, response }, { next, isMounted: true })
    this.upgrade = (request, socket, head, next) => {
      const call = newUpgradeCall(request, socket, head)
      if (!call) return
      const passOn = (): void => {
        call.restore()
        next?.()
      }
      void this.#serve(call, { take: call.take, next: next && passOn })
    }
    this.#removePlugin = spinner.use({ ...this.#context.upstreams.plugin(), close: () => this.close() })
  }

  /**
   * Listens for requests, on this machine only unless `host` is given. Resolves with the address. If no route matches a
   * request, calls `next`; without a `next`, responds with 404. Rejects with `ERR_SPINNER_INVALID_OPTION`, with
   * `ERR_SPINNER_CLOSED` after `close()`, and with the errors of `server.listen()`.
   */
  async listen(options: ListenOptions = {}, next?: RequestListener): Promise<ListenAddress> {
    const settings = readListen(options)
    this.#mustBeOpen()
    const serve = (call: HttpCall, handling: HandleOptions): void =>
      void this.#serve(call, next ? { ...handling, next: () => next(call.request, call.response) } : handling)
    const servers = await Servers.listen(
      this.#context.sys,
      {
        request: (request, response) => serve({ request, response }, PLAIN),
        checkContinue: (request, response) => serve({ request, response }, EXPECTANT),
        upgrade: this.upgrade,
      },
      settings,
    )
    this.#servers.add(servers)
    if (this.#closing === null) return servers.address
    void servers.close()
    throw closedError()
  }

  /**
   * Replaces the options, including the routes. The gateway listens where it did, and requests in flight go on with the
   * options they began with. Throws `ERR_SPINNER_INVALID_OPTION` without changing anything, and `ERR_SPINNER_CLOSED` after
   * `close()`.
   */
  reconfigure(options: GatewayOptions): void {
    this.#mustBeOpen()
    const { spinner } = this.#context
    this.#settings = readGateway(options, spinner.defaults)
    this.#context = newContext(this.#context, this.#settings)
    this.#context.queue.limits = limitsOf(this.#settings)
    this.#router = new Router(this.#settings, spinner)
  }

  /** Accepts no new requests, waits up to `drainTimeout` for those in flight, and then aborts the rest. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** Serves a request from its arrival to its end. Never rejects. */
  async #serve(call: HttpCall, options: HandleOptions): Promise<void> {
    // Ignore errors of the response: code that must react to a broken connection listens for `close`.
    call.response.on('error', ignore)
    closeWithConnection(call)
    if (this.#closing !== null) return sendPage(this.#context.sys.clock, call, CLOSING_PAGE)
    const peer = peerOf(call.request.socket)
    if (peer === undefined) return void call.response.destroy()
    const known = { request: call.request, response: call.response, peer }
    this.#inFlight.enter()
    try {
      await this.#route(known, options)
    } catch (thrown) {
      reportFailure(this.#context, known, thrown)
    } finally {
      this.#inFlight.leave()
    }
  }

  #route(call: KnownCall, options: HandleOptions): void | Promise<void> {
    const { request, response } = call
    const { take } = options
    const head = parseRequestHead(request)
    if (isBadRequest(head)) return sendPage(this.#context.sys.clock, call, head)
    const protocol = take ? readUpgrade(request, head) : ''
    if (typeof protocol !== 'string') return sendPage(this.#context.sys.clock, call, protocol)
    const upgrade = take ? { protocol, take } : null
    const match = this.#router.resolve(request, head)
    if (!(match instanceof Promise)) return this.#proxy({ call, head, match, options, upgrade, ticket: null })
    const { queue } = this.#context
    const ticket = queue.issue(response)
    return queue
      .waitForChooser(match, ticket)
      .then((chosen) => this.#proxy({ call, head, match: chosen, options, upgrade, ticket }))
  }

  #proxy(request: RoutedRequest): void | Promise<void> {
    const { call, head, match, options } = request
    if ('status' in match)
      return match.status === 404 && options.next
        ? options.next()
        : sendPage(this.#context.sys.clock, call, match)
    if (head.body !== 0 && call.request.readableDidRead) throw new Error(BODY_WAS_READ)
    // The check above makes it a ProxyRequest. A copy would cost an allocation for each request.
    return new ProxyHandler(this.#context, request as ProxyRequest).serve()
  }

  async #close(): Promise<void> {
    const { queue, sys, upstreams } = this.#context
    const late = new AbortController()
    const timer = sys.clock.setTimeout(() => late.abort(), this.#settings.drainTimeout * 1_000)
    const servers = [...this.#servers]
    for (const each of servers) void each.close()
    await upstreams.whenIdle(late.signal)
    // Streams may never end by themselves. After them, only requests that wait for a child are left.
    upstreams.endStreams()
    await unlessAborted(this.#inFlight.whenIdle(), late.signal)
    queue.close()
    await this.#whenClosed(servers, late.signal)
    sys.clock.clearTimeout(timer)
    upstreams.close()
    this.#removePlugin()
  }

  /** Waits for clients that are still reading a response. Closes idle connections at once. */
  async #whenClosed(servers: readonly Servers[], signal: AbortSignal): Promise<void> {
    let isOpen = servers.length > 0
    const closed = Promise.all(servers.map((each) => each.close())).then(() => {
      isOpen = false
    })
    while (isOpen && !signal.aborted) {
      for (const each of servers) each.closeIdle()
      await Promise.race([closed, this.#context.sys.pause(POLL_MS)])
    }
    for (const each of servers) each.destroy()
    await closed
  }

  #mustBeOpen(): void {
    if (this.#closing !== null) throw closedError()
  }
}

const newContext = (
  { queue, spinner, sys, upstreams }: Pick<GatewayContext, 'sys' | 'spinner' | 'queue' | 'upstreams'>,
  { logger, showReasons, trust }: GatewaySettings,
): GatewayContext => ({ sys, spinner, queue, upstreams, trust, showReasons, logger })

const limitsOf = ({ queue, wait }: GatewaySettings): QueueLimits => ({ perChild: queue, seconds: wait })

const ignore = (): void => {}

/** Shared by all requests of own servers, to save an allocation for each. */
const PLAIN: HandleOptions = {}
const EXPECTANT: HandleOptions = { mustContinue: true }

/** Milliseconds between checks for idle connections during a close. */
const POLL_MS = 20
const BODY_WAS_READ =
  'the request body was read before the gateway received the request; mount the gateway before any body parser'
