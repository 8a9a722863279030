import getPort from 'get-port'
import { codeOf, SpinnerError } from '../errors.ts'
import { isFree } from '../probe.ts'
import type { Sys } from '../sys.ts'
import type { Allocator } from '../types/plugin.ts'

/**
 * Above what other servers use by habit and below every system's ephemeral ports, where outgoing connections
 * would take them (docs/hazards.md#h33, #h35).
 */
const LOWEST = 20_000
const HIGHEST = 32_000
const CANDIDATES = 40
const ROUNDS = 3

/** TCP ports on loopback. A child is given the port it had before, as long as nobody took it meanwhile. */
export class PortAllocator implements Allocator {
  readonly #sys: Sys
  readonly #held = new Map<number, string>()
  readonly #last = new Map<string, number>()

  constructor(sys: Sys) {
    this.#sys = sys
  }

  async allocate(name: string): Promise<number> {
    const port = (await this.#sameAgain(name)) ?? (await this.#fresh(name))
    this.#held.set(port, name)
    this.#last.set(name, port)
    return port
  }

  release(port: number): void {
    this.#held.delete(port)
  }

  /** The port turned out to be taken: the name gets another one next time. */
  forget(name: string): void {
    this.#last.delete(name)
  }

  async #sameAgain(name: string): Promise<number | null> {
    const port = this.#last.get(name)
    if (port === undefined || this.#held.has(port)) return null
    // Held from here on, so that nobody else is given it while we look.
    this.#held.set(port, name)
    if (await isFree(this.#sys, port)) return port
    this.#held.delete(port)
    return null
  }

  async #fresh(name: string): Promise<number> {
    for (let round = 0; round < ROUNDS; round++) {
      const candidates = this.#candidates()
      const wanted = { port: candidates, host: '127.0.0.1', exclude: this.#held.keys() }
      const port = await getPort(wanted).catch((thrown: unknown) => Promise.reject(refused(name, thrown)))
      // Where none is free get-port gives any other; and two that ask at once may be given the same.
      if (candidates.includes(port) && !this.#held.has(port)) return port
    }
    throw new SpinnerError('ERR_SPINNER_SPAWN', `No free TCP port was found for '${name}'.`, { child: name })
  }

  #candidates(): number[] {
    const span = HIGHEST - LOWEST
    return Array.from({ length: CANDIDATES }, () => LOWEST + Math.floor(this.#sys.random() * span))
  }
}

const refused = (child: string, cause: unknown): SpinnerError =>
  new SpinnerError(
    'ERR_SPINNER_SPAWN',
    `No TCP port could be looked for, for '${child}': the system refused it (${codeOf(cause)}).`,
    { child, cause },
  )

/** The one port that the user named, for one child. */
export const fixedPort = (port: number): Allocator => ({ allocate: () => port, release: () => {} })
