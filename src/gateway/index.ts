import { invalid } from '../options/read.ts'
import { realSys, type Sys } from '../sys.ts'
import type { Spinner } from '../types/spinner.ts'
import { Gateway } from './gateway.ts'
import type { GatewayOptions } from './options.ts'
import { readGateway } from './read-options.ts'

export type { Gateway } from './gateway.ts'
export type { Chooser, Destination, GatewayOptions, ListenOptions, Route, RouteRules } from './options.ts'
export type { ListenAddress as Place } from './server/server.ts'

/**
 * Creates an HTTP front for the children of a spinner: a child starts at its first request, which waits for it, and
 * stops when it is idle. Throws `ERR_SPINNER_INVALID_OPTION` if an argument is invalid.
 *
 * @example
 * import http from 'node:http'
 * import { createSpinner } from 'spinner'
 * import { createGateway } from 'spinner/gateway'
 *
 * const spinner = createSpinner({ logger: null })
 * const gateway = createGateway(spinner, {
 *   routes: [{ host: 'hello.localhost', to: { name: 'hello', script: './hello.cjs' } }],
 * })
 * const { port } = await gateway.listen()
 * http.get({ port, headers: { host: 'hello.localhost' }, agent: false }, (response) => {
 *   response.pipe(process.stdout) // hello, world
 *   response.on('end', () => spinner.close())
 * })
 */
export function createGateway(spinner: Spinner, options: GatewayOptions): Gateway {
  return createGatewayOn(realSys, spinner, options)
}

/** @internal Creates a gateway on another {@link Sys}, such as that of a test. */
export function createGatewayOn(sys: Sys, spinner: Spinner, options: GatewayOptions): Gateway {
  if (typeof (spinner as Partial<Spinner> | null | undefined)?.use !== 'function')
    throw invalid([NO_SPINNER], 'createGateway()')
  return new Gateway(sys, spinner, readGateway(options, spinner.defaults))
}

const NO_SPINNER =
  'the first argument must be a spinner and the second an object: createGateway(spinner, { routes })'
