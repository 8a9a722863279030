import { SpinnerError } from '../errors.ts'
import { targetOf } from '../probe.ts'
import { deferred } from '../promises.ts'
import type { Sys } from '../sys.ts'
import type { Address, Target } from '../types/child.ts'
import type { ChildSettings } from '../types/options.ts'
import type { Allocator } from '../types/plugin.ts'
import { SocketHandover } from './handover.ts'
import { fixedPort, type PortAllocator } from './ports.ts'
import type { SocketAllocator } from './sockets.ts'

/** The address that one child holds, from its first spawn until it is stopped. */
export class Allocation {
  address: Address | null = null
  target: Target | null = null
  readonly #sockets: SocketAllocator
  readonly #ports: PortAllocator
  readonly #sys: Sys
  readonly #guard: (call: () => unknown) => void
  readonly #isHeld: (address: Address) => boolean
  #allocator: Allocator | null = null
  #listen: ChildSettings['listen'] = null
  /** Where processes follow one another at one socket. */
  #succession: SocketHandover | null = null

  /** `guard` runs what may be the user's own code; `isHeld` tells whether the child has an address by now. */
  constructor(
    { ports, sockets, sys }: { ports: PortAllocator; sockets: SocketAllocator; sys: Sys },
    guard: (call: () => unknown) => void,
    isHeld: (address: Address) => boolean,
  ) {
    this.#sys = sys
    this.#sockets = sockets
    this.#ports = ports
    this.#guard = guard
    this.#isHeld = isHeld
  }

  /**
   * What the next process is to bind. A socket path is cleared before each spawn, unless the process that listens there
   * stays until the next one is ready; any other address is kept from one to the next.
   */
  async obtain(settings: ChildSettings, replaces: boolean, signal: AbortSignal): Promise<Address | null> {
    const address = replaces ? this.address : await this.#obtain(settings, signal)
    if (typeof address !== 'string' || !isStartFirst(settings)) {
      this.#succession = null
      return address
    }
    signal.throwIfAborted()
    if (this.#succession?.socket !== address) this.#succession = new SocketHandover(this.#sys, address)
    return this.#succession.path()
  }

  /** Whether the next process may come up beside the one that listens now. */
  canReplace(settings: ChildSettings): boolean {
    return isStartFirst(settings) && this.#succession?.isCurrent === true
  }

  /** Whether the process that was replaced, or was to be, is reached at the socket. */
  get isCurrent(): boolean {
    return this.#succession?.isCurrent === true
  }

  /** A process is ready: it is reached at the address from now on. With `keepsFormer` that can be undone. */
  promote(place: Target | null, keepsFormer: boolean): void {
    this.#succession?.promote(keepsFormer)
    if (!this.#succession) this.target = place
  }

  /** The new process did not come up: the former one is reached again. */
  rollback(): void {
    this.#succession?.rollback()
  }

  /** The process that was given the last path has ended. */
  discard(): void {
    this.#succession?.discard()
  }

  /** The former process will not be wanted again. */
  commit(): void {
    this.#succession?.commit()
  }

  async #obtain(settings: ChildSettings, signal: AbortSignal): Promise<Address | null> {
    const { listen } = settings
    if (listen !== this.#listen) this.release()
    this.#listen = listen
    if (listen === null) return null
    const allocator = this.#allocatorFor(listen)
    this.#allocator = allocator
    if (this.address === null || listen === 'socket') {
      const address = await this.#ask(allocator, settings).catch((thrown: unknown) => {
        // Where the launch that asked was given up, what is held by now is a later one's.
        if (signal.aborted) throw thrown
        // A socket path that cannot be had is somebody else's now, and not ours to remove.
        this.address = null
        this.target = null
        throw thrown
      })
      if (signal.aborted) this.#giveBack(allocator, address)
      signal.throwIfAborted()
      this.address = address
    }
    this.target = targetOf(this.address)
    return this.address
  }

  /** Removes what a process that is gone has left at its address, which stays the child's. */
  async clean(): Promise<void> {
    if (this.#allocator === this.#sockets && typeof this.address === 'string')
      await this.#sockets.clean(this.address)
  }

  release(): void {
    const { address } = this
    this.#succession?.close()
    this.#succession = null
    this.address = null
    this.target = null
    if (address !== null) this.#guard(() => this.#allocator?.release(address))
  }

  /** Somebody else has it: the next spawn gets another. */
  abandon(name: string): void {
    this.#ports.forget(name)
    this.release()
  }

  /** An allocator may be the user's: what it gives is checked, and it has no longer than a start has. */
  async #ask(allocator: Allocator, { name, timeout }: ChildSettings): Promise<Address> {
    const late = deferred<never>()
    const message = `The allocator of '${name}' gave no address within ${timeout} s.`
    const timer = this.#sys.clock.setTimeout(
      () => late.reject(new SpinnerError('ERR_SPINNER_NOT_READY', message, { child: name })),
      timeout * 1_000,
    )
    const asked = (async () => allocator.allocate(name))()
    try {
      return checked(await Promise.race([asked, late.promise]), name)
    } catch (thrown) {
      asked.then((address) => this.#giveBack(allocator, checked(address, name))).catch(() => {})
      throw thrown
    } finally {
      this.#sys.clock.clearTimeout(timer)
    }
  }

  /** It came when nobody wanted it any more, unless a later start was given the same, perhaps after a sleep. */
  #giveBack(allocator: Allocator, address: Address): void {
    if (!this.#isHeld(address)) this.#guard(() => allocator.release(address))
  }

  #allocatorFor(listen: NonNullable<ChildSettings['listen']>): Allocator {
    if (listen === 'socket') return this.#sockets
    if (listen === 'port') return this.#ports
    return typeof listen === 'number' ? fixedPort(listen) : listen
  }
}

/** Whether the processes of a child bind paths of their own, which take the socket's name when they are ready. */
const isStartFirst = ({ listen, restartOrder }: ChildSettings): boolean =>
  restartOrder === 'start-first' && listen === 'socket'

/** What every system takes; a longer path is cut without a word (docs/hazards.md#h36). */
const LONGEST_PATH = 103

function checked(address: unknown, child: string): Address {
  const isPipe = typeof address === 'string' && address.startsWith('\\\\')
  const isPath = typeof address === 'string' && address !== '' && !address.includes('\0')
  if (isPath && (isPipe || Buffer.byteLength(address) <= LONGEST_PATH)) return address
  if (typeof address === 'number' && Number.isInteger(address) && address > 0 && address < 65_536)
    return address
  const shown = typeof address === 'string' ? JSON.stringify(address) : typeof address
  const given = typeof address === 'number' ? address : shown
  const message = `The allocator of '${child}' must give the path of a socket, of at most ${LONGEST_PATH} bytes, or a port number, but it gave ${given}.`
  throw new SpinnerError('ERR_SPINNER_INVALID_OPTION', message, { child })
}
