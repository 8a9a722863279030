import { codeOf, messageOf } from '../../errors.ts'
import type { Gateway, GatewayOptions, ListenOptions, Place } from '../../gateway/index.ts'
import type { Spinner } from '../../types/spinner.ts'
import { type Config, type GatewayConfig, memberNames, type Plain, type PoolConfig } from '../config/model.ts'
import type { Printer } from '../output/printer.ts'

type Fronted = Pick<Config, 'gateway' | 'pools'>

/** The gateway of a configuration: open as long as there is one in it. */
export class GatewayRunner {
  readonly #spinner: Spinner
  readonly #printer: Printer
  #gateway: Gateway | null = null
  #place: Place | null = null
  #listen: Plain = {}
  #last: Promise<void> = Promise.resolve()

  constructor(spinner: Spinner, printer: Printer) {
    this.#spinner = spinner
    this.#printer = printer
  }

  /** Where it listens; null when it does not. */
  get place(): Place | null {
    return this.#place
  }

  /** Becomes what a configuration says. Throws when it cannot listen there; then all is as it was. */
  apply(fronted: Fronted): Promise<void> {
    const become = (): Promise<void> => this.#become(fronted)
    this.#last = this.#last.then(become, become)
    return this.#last
  }

  /** Takes no new requests, and resolves when those under way have ended. */
  async close(): Promise<void> {
    const gateway = this.#gateway
    this.#gateway = null
    this.#place = null
    await gateway?.close()
  }

  async #become({ gateway, pools }: Fronted): Promise<void> {
    if (gateway === null) return this.close()
    const options = gatewayOptions({ gateway, pools }, this.#spinner)
    if (this.#gateway && isSame(this.#listen, gateway.listen)) return this.#gateway.reconfigure(options)
    // Two cannot listen in one place, so that only other limits there need a moment without any.
    if (isSamePlace(this.#listen, gateway.listen)) await this.close()
    const opened = await this.#open(gateway, options)
    await this.close()
    ;[this.#gateway, this.#place] = opened
    this.#listen = gateway.listen
  }

  async #open({ listen, next, remedy }: GatewayConfig, options: GatewayOptions): Promise<[Gateway, Place]> {
    const { createGateway } = await import('../../gateway/index.ts')
    const gateway = createGateway(this.#spinner, options)
    try {
      const place = await gateway.listen(listen as ListenOptions, next)
      this.#tell(place, listen)
      return [gateway, place]
    } catch (thrown) {
      await gateway.close()
      throw new Error(whyNot(thrown, listen, remedy), { cause: thrown })
    }
  }

  #tell({ url }: Place, { path }: Plain): void {
    const where = url ?? String(path)
    this.#printer.tell(null, { event: 'listening', text: `listens on ${where}`, details: { address: where } })
  }
}

const isSame = (one: unknown, other: unknown): boolean => JSON.stringify(one) === JSON.stringify(other)

const placeOf = ({ host, path, port }: Plain): unknown => [host ?? null, path ?? null, port ?? null]
const isSamePlace = (one: Plain, other: Plain): boolean => isSame(placeOf(one), placeOf(other))

/** The options of a gateway as the library takes them. */
export function gatewayOptions({ gateway, pools }: Fronted, spinner: Spinner | null): GatewayOptions {
  const { routes, ...options } = gateway?.options ?? {}
  const taken = (routes as readonly Plain[]).map((route) => {
    const { to } = route
    const pool = typeof to === 'string' ? pools.get(to) : undefined
    return spinner?.child(String(to)) || !pool ? route : { ...route, to: turns(to as string, pool, spinner) }
  })
  return { ...options, routes: taken } as unknown as GatewayOptions
}

/** The children of a pool take turns. One that serves goes before one that does not. */
function turns(pool: string, { size }: PoolConfig, spinner: Spinner | null): () => string {
  const names = memberNames(pool, size)
  let last = -1
  return () => {
    const order = names.map((_, step) => (last + 1 + step) % size)
    last = order.find((index) => spinner?.child(names[index] as string)?.serves) ?? (order[0] as number)
    return names[last] as string
  }
}

/** Why it cannot listen, and what to do. */
function whyNot(thrown: unknown, { host, path, port }: Plain, remedy: string): string {
  const where = path === undefined ? `port ${port}` : String(path)
  const advice: Readonly<Record<string, string>> = {
    EADDRINUSE: `${where} is taken: end what listens there, or ${remedy}`,
    EACCES: `this user may not listen on ${where}: ${remedy}`,
    EADDRNOTAVAIL: `this machine has no address ${host}`,
    ENOTFOUND: `there is no host ${host}`,
  }
  return `cannot listen: ${advice[codeOf(thrown) ?? ''] ?? messageOf(thrown)}`
}
