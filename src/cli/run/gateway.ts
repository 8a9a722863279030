import { codeOf, messageOf } from '../../errors.ts'
import type { Gateway, GatewayOptions, ListenOptions, Place } from '../../gateway/index.ts'
import type { Spinner } from '../../types/spinner.ts'
import { type Config, type GatewayConfig, memberNames, type Plain, type PoolConfig } from '../config/model.ts'
import type { Printer } from '../output/printer.ts'
import { isDeepEqual } from './plan.ts'

type GatewayAndPools = Pick<Config, 'gateway' | 'pools'>

/** Runs the gateway of a configuration, if it has one. */
export class GatewayRunner {
  readonly #spinner: Spinner
  readonly #printer: Printer
  #gateway: Gateway | null = null
  #address: Place | null = null
  #listen: Plain = {}
  #lastApply: Promise<void> = Promise.resolve()

  constructor(spinner: Spinner, printer: Printer) {
    this.#spinner = spinner
    this.#printer = printer
  }

  /** The address of the gateway; null if it does not listen. */
  get address(): Place | null {
    return this.#address
  }

  /** Opens, changes or closes the gateway. Throws if it cannot listen; the gateway then stays as it was. */
  apply(config: GatewayAndPools): Promise<void> {
    const apply = (): Promise<void> => this.#apply(config)
    this.#lastApply = this.#lastApply.then(apply, apply)
    return this.#lastApply
  }

  /** Accepts no new requests. Resolves when the requests under way have ended. */
  async close(): Promise<void> {
    const gateway = this.#gateway
    this.#gateway = null
    this.#address = null
    await gateway?.close()
  }

  async #apply({ gateway, pools }: GatewayAndPools): Promise<void> {
    if (gateway === null) return this.close()
    const options = gatewayOptions({ gateway, pools }, this.#spinner)
    if (this.#gateway && isDeepEqual(this.#listen, gateway.listen)) return this.#gateway.reconfigure(options)
    // Two gateways cannot listen on one address. If only the limits of `listen` have changed, close the old one first.
    if (isSameAddress(this.#listen, gateway.listen)) await this.close()
    const opened = await this.#open(gateway, options)
    await this.close()
    ;[this.#gateway, this.#address] = opened
    this.#listen = gateway.listen
  }

  async #open({ listen, next, remedy }: GatewayConfig, options: GatewayOptions): Promise<[Gateway, Place]> {
    const { createGateway } = await import('../../gateway/index.ts')
    const gateway = createGateway(this.#spinner, options)
    try {
      const address = await gateway.listen(listen as ListenOptions, next)
      const text = address.url ?? String(listen['path'])
      const details = { address: text }
      this.#printer.event(null, { event: 'listening', text: `listening on ${text}`, details })
      return [gateway, address]
    } catch (thrown) {
      await gateway.close()
      throw new Error(listenError(thrown, listen, remedy), { cause: thrown })
    }
  }
}

const addressOf = ({ host, path, port }: Plain): unknown => [host ?? null, path ?? null, port ?? null]
const isSameAddress = (one: Plain, other: Plain): boolean => isDeepEqual(addressOf(one), addressOf(other))

/** Converts the options of a gateway from the file to the library. */
export function gatewayOptions({ gateway, pools }: GatewayAndPools, spinner: Spinner | null): GatewayOptions {
  const { routes, ...options } = gateway?.options ?? {}
  const converted = (routes as readonly Plain[]).map((route) => {
    const { to } = route
    const pool = typeof to === 'string' ? pools.get(to) : undefined
    if (spinner?.child(String(to)) || !pool) return route
    return { ...route, to: takeTurns(to as string, pool, spinner) }
  })
  return { ...options, routes: converted } as unknown as GatewayOptions
}

/** Returns a chooser that takes the children of a pool in turns, and prefers those that accept connections. */
function takeTurns(pool: string, { size }: PoolConfig, spinner: Spinner | null): () => string {
  const names = memberNames(pool, size)
  let last = -1
  return () => {
    const order = names.map((_, step) => (last + 1 + step) % size)
    last = order.find((index) => spinner?.child(names[index] as string)?.serves) ?? (order[0] as number)
    return names[last] as string
  }
}

/** Says why the gateway cannot listen, and what to do. */
function listenError(thrown: unknown, { host, path, port }: Plain, remedy: string): string {
  const where = path === undefined ? `port ${port}` : String(path)
  const reasons: Readonly<Record<string, string>> = {
    EADDRINUSE: `${where} is in use; stop the program that listens there, or ${remedy}`,
    EACCES: `this user has no permission to listen on ${where}; ${remedy}`,
    EADDRNOTAVAIL: `this machine has no address ${host}`,
    ENOTFOUND: `the host ${host} does not exist`,
  }
  return `cannot listen: ${reasons[codeOf(thrown) ?? ''] ?? messageOf(thrown)}`
}
