import getPort from 'get-port'
import { codeOf, SpinnerError } from '../errors.ts'
import { isFree } from '../probe.ts'
import type { Sys } from '../sys.ts'
import type { Allocator } from '../types/plugin.ts'

/**
 * Range above the usual ports of other servers and below the ephemeral ports of every system, which outgoing connections
 * would take (docs/hazards.md#h33, docs/hazards.md#h35).
 */
const LOWEST = 20_000
const HIGHEST = 32_000
const CANDIDATES = 40
const ATTEMPTS = 3

/** Allocates TCP ports on loopback. A child gets its last port again, unless another process has taken it. */
export class PortAllocator implements Allocator {
  readonly #sys: Sys
  readonly #held = new Map<number, string>()
  readonly #last = new Map<string, number>()

  constructor(sys: Sys) {
    this.#sys = sys
  }

  async allocate(name: string): Promise<number> {
    const port = (await this.#lastPort(name)) ?? (await this.#freePort(name))
    this.#held.set(port, name)
    this.#last.set(name, port)
    return port
  }

  release(port: number): void {
    this.#held.delete(port)
  }

  /** Forgets the last port of a child, because another process has taken it. */
  forget(name: string): void {
    this.#last.delete(name)
  }

  async #lastPort(name: string): Promise<number | null> {
    const port = this.#last.get(name)
    if (port === undefined || this.#held.has(port)) return null
    // Hold it before the check, so that no other child gets it meanwhile.
    this.#held.set(port, name)
    if (await isFree(this.#sys, port)) return port
    this.#held.delete(port)
    return null
  }

  async #freePort(name: string): Promise<number> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const candidates = this.#candidates()
      const wanted = { port: candidates, host: '127.0.0.1', exclude: this.#held.keys() }
      const port = await getPort(wanted).catch((thrown: unknown) => Promise.reject(searchError(name, thrown)))
      // If no candidate is free, get-port returns any other port; and it can return the same port to concurrent callers.
      if (candidates.includes(port) && !this.#held.has(port)) return port
    }
    throw new SpinnerError('ERR_SPINNER_SPAWN', `No free TCP port was found for '${name}'.`, { child: name })
  }

  #candidates(): number[] {
    const span = HIGHEST - LOWEST
    return Array.from({ length: CANDIDATES }, () => LOWEST + Math.floor(this.#sys.random() * span))
  }
}

const searchError = (child: string, cause: unknown): SpinnerError =>
  new SpinnerError(
    'ERR_SPINNER_SPAWN',
    `The search for a free TCP port for '${child}' failed: the system refused it (${codeOf(cause)}).`,
    { child, cause },
  )

/** Creates an allocator of the one port that the user chose. */
export const fixedPort = (port: number): Allocator => ({ allocate: () => port, release: () => {} })
