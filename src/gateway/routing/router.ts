import type { IncomingMessage } from 'node:http'
import { safeLog } from '../../emitter.ts'
import type { Spinner } from '../../types/spinner.ts'
import { NOT_FOUND_PAGE, type Page } from '../http/pages.ts'
import type { RequestHead } from '../http/request-head.ts'
import type { Chooser, Destination, Rules } from '../options.ts'
import type { GatewaySettings } from '../read-options.ts'
import { isPlainPath, isRoutableName } from './host-names.ts'
import { findRoute } from './routes.ts'

/** Where a request goes, and what holds there. */
export interface RouteMatch {
  readonly to: Destination
  readonly rules: Rules
  /** As the child will see it. */
  readonly path: string
  /** What was taken off the path. */
  readonly prefix: string
}

type Maybe<Value> = Value | Promise<Value>

const TOO_LARGE: Page = { status: 413, text: 'The body is longer than it may be.' }

/** Finds out which child a request is for. Nothing is started here. */
export class Router {
  readonly #settings: GatewaySettings
  readonly #spinner: Spinner
  #hasWarned = false

  constructor(settings: GatewaySettings, spinner: Spinner) {
    this.#settings = settings
    this.#spinner = spinner
  }

  /** A way, or the page that says why there is none; what a function of the user's throws is thrown. */
  resolve(request: IncomingMessage, asked: RequestHead): Maybe<RouteMatch | Page> {
    const { routes, rules } = this.#settings
    if (typeof routes === 'function') {
      const way = { rules, path: asked.path, prefix: '' }
      return isPlainPath(asked.path)
        ? this.#choose(routes, request, asked, { ...way, name: '' })
        : NOT_FOUND_PAGE
    }
    const match = findRoute(routes, { host: asked.host, path: asked.path, headers: request.headers })
    if (!match) return NOT_FOUND_PAGE
    const { name, path, prefix, route } = match
    const { to } = route
    const way = { to, rules: route.rules, path, prefix }
    if (typeof to === 'function') return this.#choose(to, request, asked, { ...way, name })
    if (typeof to === 'string' && !this.#spinner.child(to)) return NOT_FOUND_PAGE
    return allowed(asked, way as RouteMatch)
  }

  #choose(
    chooser: Chooser,
    request: IncomingMessage,
    asked: RequestHead,
    { name, ...way }: Omit<RouteMatch, 'to'> & { readonly name: string },
  ): Maybe<RouteMatch | Page> {
    const given = chooser(request, name)
    const go = (to: Destination | null | undefined): RouteMatch | Page =>
      this.#isPlace(to) ? allowed(asked, { ...way, to }) : NOT_FOUND_PAGE
    return isPromise(given) ? Promise.resolve(given).then(go) : go(given)
  }

  /** What a function made of a request may lead to nothing but what it names (docs/hazards.md#h55). */
  #isPlace(to: Destination | null | undefined): to is Destination {
    if (to === null || to === undefined) return false
    const name = typeof to === 'string' ? to : to.name
    if (typeof name === 'string' && isRoutableName(name))
      return typeof to !== 'string' || !!this.#spinner.child(to)
    if (!this.#hasWarned) {
      const line =
        'gateway: a route chose a child whose `name` is not of a-z, 0-9, ".", "_" and "-", at most 63 of them; such requests get 404'
      safeLog(this.#settings.logger, 'warn', line)
    }
    this.#hasWarned = true
    return false
  }
}

/** Of whatever kind: libraries have their own. */
const isPromise = <Value>(given: Value | PromiseLike<Value>): given is PromiseLike<Value> =>
  typeof (given as Partial<PromiseLike<Value>> | null | undefined)?.then === 'function'

const allowed = ({ body }: RequestHead, way: RouteMatch): RouteMatch | Page =>
  way.rules.maxBody !== null && body !== 'chunked' && body > way.rules.maxBody ? TOO_LARGE : way
