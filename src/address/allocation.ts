import { SpinnerError } from '../errors.ts'
import type { Address } from '../events.ts'
import type { ChildSettings } from '../options.ts'
import type { Allocator } from '../plugin.ts'
import type { Target } from '../sys.ts'
import { fixedPort, type PortAllocator } from './ports.ts'
import { targetOf } from './probe.ts'
import type { SocketAllocator } from './sockets.ts'

/** The address that one child holds, from its first spawn until it is stopped. */
export class Allocation {
  address: Address | null = null
  target: Target | null = null
  readonly #sockets: SocketAllocator
  readonly #ports: PortAllocator
  readonly #guard: (call: () => unknown) => void
  #allocator: Allocator | null = null
  #listen: ChildSettings['listen'] = null

  /** `guard` runs what may be the user's own code. */
  constructor(sockets: SocketAllocator, ports: PortAllocator, guard: (call: () => unknown) => void) {
    this.#sockets = sockets
    this.#ports = ports
    this.#guard = guard
  }

  /** A socket path is cleared before each spawn; any other address is kept from one to the next. */
  async obtain({ listen, name }: ChildSettings): Promise<Address | null> {
    if (listen !== this.#listen) this.release()
    this.#listen = listen
    if (listen === null) return null
    this.#allocator = this.#allocatorFor(listen)
    if (this.address === null || listen === 'socket') {
      this.address = checked(await this.#allocator.allocate(name), name)
    }
    this.target = targetOf(this.address)
    return this.address
  }

  release(): void {
    const { address } = this
    this.address = null
    this.target = null
    if (address !== null) this.#guard(() => this.#allocator?.release(address))
  }

  /** Somebody else has it: the next spawn gets another. */
  giveUp(name: string): void {
    this.#ports.forget(name)
    this.release()
  }

  #allocatorFor(listen: NonNullable<ChildSettings['listen']>): Allocator {
    if (listen === 'socket') return this.#sockets
    if (listen === 'port') return this.#ports
    return typeof listen === 'number' ? fixedPort(listen) : listen
  }
}

function checked(address: unknown, child: string): Address {
  if (typeof address === 'string' && address !== '') return address
  if (typeof address === 'number' && Number.isInteger(address) && address > 0 && address < 65_536)
    return address
  const message = `The allocator of '${child}' must give the path of a socket or a port number, but it gave ${typeof address === 'number' ? address : `a ${typeof address}`}.`
  throw new SpinnerError('ERR_SPINNER_INVALID_OPTION', message, { child })
}
