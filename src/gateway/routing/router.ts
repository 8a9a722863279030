import type { IncomingMessage } from 'node:http'
import { safeLog } from '../../emitter.ts'
import type { Spinner } from '../../types/spinner.ts'
import { BODY_TOO_LARGE_PAGE, NOT_FOUND_PAGE, type Page } from '../http/pages.ts'
import type { RequestHead } from '../http/request-head.ts'
import type { Chooser, Destination, Rules } from '../options.ts'
import type { GatewaySettings } from '../read-options.ts'
import { isPlainPath, isRoutableName } from './host-names.ts'
import { findRoute } from './routes.ts'

/** The child that a request goes to, and the rules for the request. */
export interface RouteMatch {
  readonly to: Destination
  readonly rules: Rules
  /** As the child will see it. */
  readonly path: string
  /** Prefix that the route removed from the path; empty if none. */
  readonly prefix: string
}

type MaybePromise<Value> = Value | Promise<Value>

/** Finds the child that a request is for, without starting anything. */
export class Router {
  readonly #settings: GatewaySettings
  readonly #spinner: Spinner
  #hasWarned = false

  constructor(settings: GatewaySettings, spinner: Spinner) {
    this.#settings = settings
    this.#spinner = spinner
  }

  /** Returns the match, or the page that says why there is none. Throws what a user's function throws. */
  resolve(request: IncomingMessage, head: RequestHead): MaybePromise<RouteMatch | Page> {
    const { routes, rules } = this.#settings
    if (typeof routes === 'function') {
      const match = { rules, path: head.path, prefix: '' }
      return isPlainPath(head.path)
        ? this.#choose(routes, request, head, { ...match, name: '' })
        : NOT_FOUND_PAGE
    }
    const found = findRoute(routes, { host: head.host, path: head.path, headers: request.headers })
    if (!found) return NOT_FOUND_PAGE
    const { name, path, prefix, route } = found
    const { to } = route
    const match = { to, rules: route.rules, path, prefix }
    if (typeof to === 'function') return this.#choose(to, request, head, { ...match, name })
    if (typeof to === 'string' && !this.#spinner.child(to)) return NOT_FOUND_PAGE
    return checkLength(head, match as RouteMatch)
  }

  #choose(
    chooser: Chooser,
    request: IncomingMessage,
    head: RequestHead,
    { name, ...match }: Omit<RouteMatch, 'to'> & { readonly name: string },
  ): MaybePromise<RouteMatch | Page> {
    const chosen = chooser(request, name)
    const matchOf = (to: Destination | null | undefined): RouteMatch | Page =>
      this.#isReachable(to) ? checkLength(head, { ...match, to }) : NOT_FOUND_PAGE
    return isPromise(chosen) ? Promise.resolve(chosen).then(matchOf) : matchOf(chosen)
  }

  /** Checks the name of a chosen child, because the chooser may have built it from the request (docs/hazards.md#h55). */
  #isReachable(to: Destination | null | undefined): to is Destination {
    if (to === null || to === undefined) return false
    const name = typeof to === 'string' ? to : to.name
    if (typeof name === 'string' && isRoutableName(name))
      return typeof to !== 'string' || !!this.#spinner.child(to)
    if (!this.#hasWarned) safeLog(this.#settings.logger, 'warn', INVALID_NAME)
    this.#hasWarned = true
    return false
  }
}

const INVALID_NAME =
  'gateway: a route chose a child with an invalid `name`; it must have 1 to 63 characters of a-z, 0-9, ".", "_" and "-", begin with a letter or digit, and contain no ".."; such requests get 404'

/** Accepts the promises of any library. */
const isPromise = <Value>(given: Value | PromiseLike<Value>): given is PromiseLike<Value> =>
  typeof (given as Partial<PromiseLike<Value>> | null | undefined)?.then === 'function'

/** Returns the match, or a page if the announced length of the body exceeds `maxBody`. */
const checkLength = ({ body }: RequestHead, match: RouteMatch): RouteMatch | Page =>
  match.rules.maxBody !== null && body !== 'chunked' && body > match.rules.maxBody
    ? BODY_TOO_LARGE_PAGE
    : match
