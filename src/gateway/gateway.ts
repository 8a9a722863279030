import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { closedError } from '../errors.ts'
import type { Sys } from '../sys.ts'
import type { Spinner } from '../types/spinner.ts'
import type { Page } from './http/pages.ts'
import { isBadRequest, parseRequestHead, readUpgrade } from './http/request-head.ts'
import { type HttpCall, type KnownCall, sendPage } from './http/respond.ts'
import type { GatewayOptions, ListenOptions } from './options.ts'
import type { GatewayContext, ProxyRequest, Upgrade } from './proxy/context.ts'
import { CLOSING, reportFailure } from './proxy/error-page.ts'
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

/** What is special about a request besides what it says. */
interface Special {
  readonly mustContinue?: boolean
  readonly isMounted?: boolean
  readonly take?: Upgrade['take']
  /** Of the framework, which may know what to do with a request that no route fits. */
  readonly next?: (() => void) | undefined
}

/**
 * The HTTP front of a spinner: starts children at their first request and passes requests on to them. Made by
 * {@link createGateway}.
 */
export class Gateway {
  /**
   * Answers one request: for `http.createServer`, Express, or the `raw` request and reply of Fastify. A request that no
   * route fits goes to `next` when there is one, and gets 404 otherwise.
   */
  readonly handler: (request: IncomingMessage, response: ServerResponse, next?: () => void) => void
  /**
   * Takes over a connection that asks for another protocol: for a server's `upgrade` event. One that no route fits is left
   * as it is to `next` when there is one, and gets 404 otherwise.
   */
  readonly upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer, next?: () => void) => void
  #house: GatewayContext
  #settings: GatewaySettings
  #reception: Router
  readonly #visits = new InFlight()
  readonly #servers = new Set<Servers>()
  readonly #leaveSpinner: () => void
  #closing: Promise<void> | null = null

  /** @internal */
  constructor(sys: Sys, spinner: Spinner, settings: GatewaySettings) {
    this.#settings = settings
    const room = new StartQueue(sys, patienceOf(settings))
    this.#house = houseOf({ sys, spinner, queue: room, upstreams: new UpstreamRegistry(sys) }, settings)
    this.#reception = new Router(settings, spinner)
    this.handler = (request, response, next) =>
      void this.#serve({ request, response }, { next, isMounted: true })
    this.upgrade = (request, socket, head, next) => {
      const call = newUpgradeCall(request, socket, head)
      if (!call) return
      const leave = (): void => {
        call.restore()
        next?.()
      }
      void this.#serve(call, { take: call.take, next: next && leave })
    }
    this.#leaveSpinner = spinner.use({ ...this.#house.upstreams.plugin(), close: () => this.close() })
  }

  /**
   * Listens for requests itself, on this machine only unless `host` says otherwise; resolves with where. What no route
   * fits goes to `next` when there is one, and gets 404 otherwise.
   */
  async listen(options: ListenOptions = {}, next?: RequestListener): Promise<ListenAddress> {
    const settings = readListen(options)
    this.#mustBeOpen()
    const serve = (call: HttpCall, special: Special): void =>
      void this.#serve(call, next ? { ...special, next: () => next(call.request, call.response) } : special)
    const servers = await Servers.listen(
      this.#house.sys,
      {
        request: (request, response) => serve({ request, response }, {}),
        checkContinue: (request, response) => serve({ request, response }, { mustContinue: true }),
        upgrade: this.upgrade,
      },
      settings,
    )
    this.#servers.add(servers)
    if (this.#closing === null) return servers.address
    void servers.close()
    throw closedError()
  }

  /** Takes other options, routes above all. It listens where it did, and what is under way goes on as it began. */
  reconfigure(options: GatewayOptions): void {
    this.#mustBeOpen()
    const { spinner } = this.#house
    this.#settings = readGateway(options, spinner.defaults)
    this.#house = houseOf(this.#house, this.#settings)
    this.#house.queue.patience = patienceOf(this.#settings)
    this.#reception = new Router(this.#settings, spinner)
  }

  /** Takes no new requests, lets those under way finish for at most `drainTimeout`, then ends what is left. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** From the first look at a request to its end. Whatever it meets ends here. */
  async #serve(call: HttpCall, special: Special): Promise<void> {
    // A request that breaks off tells only those who ask, so nobody need hear of that.
    call.response.on('error', ignore)
    closeWithConnection(call)
    if (this.#closing !== null) return sendPage(this.#house.sys.clock, call, CLOSING)
    const peer = peerOf(call.request.socket)
    if (peer === undefined) return void call.response.destroy()
    const known = { request: call.request, response: call.response, peer }
    this.#visits.enter()
    try {
      await this.#pass(known, special)
    } catch (thrown) {
      reportFailure(this.#house, known, thrown)
    } finally {
      this.#visits.leave()
    }
  }

  #pass(call: KnownCall, special: Special): void | Promise<void> {
    const { request } = call
    const asked = parseRequestHead(request)
    if (isBadRequest(asked)) return sendPage(this.#house.sys.clock, call, asked)
    const protocol = special.take ? readUpgrade(request, asked) : ''
    if (typeof protocol !== 'string') return sendPage(this.#house.sys.clock, call, protocol)
    const upgrade = special.take ? { protocol, take: special.take } : null
    const received = this.#reception.resolve(request, asked)
    if (!(received instanceof Promise))
      return this.#send(call, received, { asked, special, upgrade, waiter: null })
    const { queue: room } = this.#house
    const waiter = room.enter(call.response)
    return room
      .promised(received, waiter)
      .then((way) => this.#send(call, way, { asked, special, upgrade, waiter }))
  }

  #send(
    call: KnownCall,
    way: RouteMatch | Page,
    {
      asked,
      special,
      upgrade,
      waiter,
    }: Pick<ProxyRequest, 'asked' | 'upgrade' | 'waiter'> & { special: Special },
  ): void | Promise<void> {
    const { isMounted = false, mustContinue = false, next } = special
    if ('status' in way)
      return way.status === 404 && next ? next() : sendPage(this.#house.sys.clock, call, way)
    if (asked.body !== 0 && call.request.readableDidRead) throw new Error(READ_BEFORE)
    const { peer, request, response } = call
    const { path, prefix, rules, to } = way
    // Written out, since spreads are dear on this path.
    const arrival: ProxyRequest = {
      request,
      response,
      peer,
      asked,
      to,
      rules,
      path,
      prefix,
      mustContinue,
      isMounted,
      upgrade,
      waiter,
    }
    return new ProxyHandler(this.#house, arrival).serve()
  }

  async #close(): Promise<void> {
    const { queue: room, sys, upstreams: traffic } = this.#house
    const late = new AbortController()
    const timer = sys.clock.setTimeout(() => late.abort(), this.#settings.drainTimeout * 1_000)
    const servers = [...this.#servers]
    for (const each of servers) void each.close()
    await traffic.quiet(late.signal)
    // Streams have no end of their own; what is left now are requests that wait for a child.
    traffic.endStreams()
    await unlessAborted(this.#visits.quiet(), late.signal)
    room.close()
    await this.#closed(servers, late.signal)
    sys.clock.clearTimeout(timer)
    traffic.close()
    this.#leaveSpinner()
  }

  /** A client may still be reading; one that only keeps its connection is not waited for. */
  async #closed(servers: readonly Servers[], signal: AbortSignal): Promise<void> {
    let isOpen = servers.length > 0
    const closed = Promise.all(servers.map((each) => each.close())).then(() => {
      isOpen = false
    })
    while (isOpen && !signal.aborted) {
      for (const each of servers) each.closeIdle()
      await Promise.race([closed, this.#house.sys.pause(LOOK_MS)])
    }
    for (const each of servers) each.destroy()
    await closed
  }

  #mustBeOpen(): void {
    if (this.#closing !== null) throw closedError()
  }
}

const houseOf = (
  {
    sys,
    spinner,
    queue: room,
    upstreams: traffic,
  }: Pick<GatewayContext, 'sys' | 'spinner' | 'queue' | 'upstreams'>,
  { logger, showReasons, trust }: GatewaySettings,
): GatewayContext => ({ sys, spinner, queue: room, upstreams: traffic, trust, showReasons, logger })

const patienceOf = ({ queue, wait }: GatewaySettings): QueueLimits => ({ places: queue, seconds: wait })

const ignore = (): void => {}

/** Between looks at connections that are to close. */
const LOOK_MS = 20
const READ_BEFORE =
  'the body of a request was read before the gateway got it; mount the gateway in front of whatever parses bodies'
