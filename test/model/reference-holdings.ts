import { watchFile } from './reference-watch.ts'
import type { Surroundings } from './surroundings.ts'

/** What a child holds from its first launch until it is stopped: an address, and an eye on its file. */
export class ReferenceHoldings {
  address: number | null = null
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
    if (this.address !== null) this.#surroundings.released.push(this.address)
    this.address = null
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
