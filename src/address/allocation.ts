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

/** Holds the address of one child, from its first spawn until the child is stopped. */
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
  /** Null unless processes of the child replace each other at one socket. */
  #handover: SocketHandover | null = null

  /** `guard` runs code of the user. `isHeld` returns true if the child has that address now. */
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
   * Returns the address that the next process must bind. A socket path is cleared before each spawn, unless the process
   * that listens there stays until the next one is ready. Any other address is kept from one process to the next.
   */
  async obtain(settings: ChildSettings, replaces: boolean, signal: AbortSignal): Promise<Address | null> {
    const address = replaces ? this.address : await this.#obtain(settings, signal)
    if (typeof address !== 'string' || !isStartFirst(settings)) {
      this.#handover = null
      return address
    }
    signal.throwIfAborted()
    if (this.#handover?.socket !== address) this.#handover = new SocketHandover(this.#sys, address)
    return this.#handover.nextPath()
  }

  /** Returns true if the next process can start while the current one still listens. */
  canReplace(settings: ChildSettings): boolean {
    return isStartFirst(settings) && this.#handover?.isCurrent === true
  }

  /** True if the socket leads to the process that was, or was to be, replaced. */
  get isCurrent(): boolean {
    return this.#handover?.isCurrent === true
  }

  /** Makes the address lead to the process that has become ready. With `keepsPrevious`, `rollback()` can undo it. */
  promote(target: Target | null, keepsPrevious: boolean): void {
    this.#handover?.promote(keepsPrevious)
    if (!this.#handover) this.target = target
  }

  /** Makes the address lead to the previous process again, because the new one failed. */
  rollback(): void {
    this.#handover?.rollback()
  }

  /** Removes the path of a new process that has ended. */
  discard(): void {
    this.#handover?.discard()
  }

  /** Gives up the previous process. */
  commit(): void {
    this.#handover?.commit()
  }

  async #obtain(settings: ChildSettings, signal: AbortSignal): Promise<Address | null> {
    const { listen } = settings
    if (listen !== this.#listen) this.release()
    this.#listen = listen
    if (listen === null) return null
    const allocator = this.#allocatorFor(listen)
    this.#allocator = allocator
    if (this.address === null || listen === 'socket') {
      const address = await this.#allocate(allocator, settings).catch((thrown: unknown) => {
        // If this launch was aborted, the address that is held now belongs to a later launch.
        if (signal.aborted) throw thrown
        // Forget a socket path that cannot be allocated: another process uses it, so it must not be removed.
        this.address = null
        this.target = null
        throw thrown
      })
      if (signal.aborted) this.#releaseUnlessHeld(allocator, address)
      signal.throwIfAborted()
      this.address = address
    }
    this.target = targetOf(this.address)
    return this.address
  }

  /** Removes the socket that an ended process has left. The child keeps the address. */
  async clean(): Promise<void> {
    if (this.#allocator === this.#sockets && typeof this.address === 'string')
      await this.#sockets.clean(this.address)
  }

  release(): void {
    const { address } = this
    this.#handover?.close()
    this.#handover = null
    this.address = null
    this.target = null
    if (address !== null) this.#guard(() => this.#allocator?.release(address))
  }

  /** Gives up an address that another process uses, so that the next spawn gets another. */
  abandon(name: string): void {
    this.#ports.forget(name)
    this.release()
  }

  /** Asks an allocator, which may be the user's: its result is checked, and it has as much time as a start. */
  async #allocate(allocator: Allocator, { name, timeout }: ChildSettings): Promise<Address> {
    const timedOut = deferred<never>()
    const message = `The allocator of '${name}' did not return an address within ${timeout} s.`
    const timer = this.#sys.clock.setTimeout(
      () => timedOut.reject(new SpinnerError('ERR_SPINNER_NOT_READY', message, { child: name })),
      timeout * 1_000,
    )
    const allocated = (async () => allocator.allocate(name))()
    try {
      return checked(await Promise.race([allocated, timedOut.promise]), name)
    } catch (thrown) {
      allocated.then((address) => this.#releaseUnlessHeld(allocator, checked(address, name))).catch(() => {})
      throw thrown
    } finally {
      this.#sys.clock.clearTimeout(timer)
    }
  }

  /** Releases an address that arrived too late, unless a later start of the child was given the same one. */
  #releaseUnlessHeld(allocator: Allocator, address: Address): void {
    if (!this.#isHeld(address)) this.#guard(() => allocator.release(address))
  }

  #allocatorFor(listen: NonNullable<ChildSettings['listen']>): Allocator {
    if (listen === 'socket') return this.#sockets
    if (listen === 'port') return this.#ports
    return typeof listen === 'number' ? fixedPort(listen) : listen
  }
}

/** Returns true if each process of the child binds a path of its own, which is renamed to the socket when it is ready. */
const isStartFirst = ({ listen, restartOrder }: ChildSettings): boolean =>
  restartOrder === 'start-first' && listen === 'socket'

/** Maximum on every system. Node 20 truncates a longer path without an error (docs/hazards.md#h36). */
const MAX_RETURNED_PATH_BYTES = 103

function checked(address: unknown, child: string): Address {
  const isPipe = typeof address === 'string' && address.startsWith('\\\\')
  const isPath = typeof address === 'string' && address !== '' && !address.includes('\0')
  if (isPath && (isPipe || Buffer.byteLength(address) <= MAX_RETURNED_PATH_BYTES)) return address
  if (typeof address === 'number' && Number.isInteger(address) && address > 0 && address < 65_536)
    return address
  const shown = typeof address === 'string' ? JSON.stringify(address) : typeof address
  const given = typeof address === 'number' ? address : shown
  const message = `The allocator of '${child}' must return a socket path of at most ${MAX_RETURNED_PATH_BYTES} bytes or a port number, but it returned ${given}.`
  throw new SpinnerError('ERR_SPINNER_INVALID_OPTION', message, { child })
}
