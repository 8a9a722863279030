import type { ModelOptions } from './options.ts'
import { watchFile } from './reference-watch.ts'
import type { Surroundings } from './surroundings.ts'
import { SOCKET } from './words.ts'

export type Address = number | typeof SOCKET | null

/** What a child holds from its first launch until it is stopped: an address, and an eye on its file. */
export class ReferenceHoldings {
  address: Address = null
  /** There is a socket, and it leads to the process that listened there last. */
  isThere = false
  /** The same of the process before, while its successor is not sure yet; `null` while there is none such. */
  #wasThere: boolean | null = null
  readonly #surroundings: Surroundings
  #endMonitor: (() => void) | null = null

  constructor(surroundings: Surroundings) {
    this.#surroundings = surroundings
  }

  release(): void {
    this.#endMonitor?.()
    this.#endMonitor = null
    this.releaseAddress()
  }

  releaseAddress(): void {
    if (typeof this.address === 'number') this.#surroundings.released.push(this.address)
    this.address = null
    this.isThere = false
  }

  /** Prepares for a launch with these options. Answers whether an address is to be asked for. */
  isToAsk({ listens, startFirst }: ModelOptions): boolean {
    if (startFirst) {
      if (this.address !== SOCKET) this.releaseAddress()
      this.address = SOCKET
      return false
    }
    if (!listens || this.address === SOCKET) this.releaseAddress()
    return listens && this.address === null
  }

  /** Whoever is ready is reached from now on. */
  settle(replaces: boolean): void {
    this.#wasThere = replaces ? this.isThere : null
    this.isThere = true
  }

  /** It was not ready after all. */
  undo(): void {
    this.isThere = this.#wasThere ?? this.isThere
    this.#wasThere = null
  }

  /** It is ready, and stays. */
  confirm(): void {
    this.#wasThere = null
  }

  watch(name: string, isMonitored: boolean, onChange: () => void): void {
    const { files, rounds, time } = this.#surroundings
    const version = (): number => files.get(name) ?? 0
    if (isMonitored) this.#endMonitor ??= watchFile(time, rounds, version, onChange)
    else {
      this.#endMonitor?.()
      this.#endMonitor = null
    }
  }
}
