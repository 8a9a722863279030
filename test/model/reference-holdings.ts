import type { ModelOptions } from './options.ts'
import { watchFile } from './reference-watch.ts'
import type { SharedState } from './shared-state.ts'
import { SOCKET } from './words.ts'

export type Address = number | typeof SOCKET | null

/** Predicts what a child holds from its first launch until its stop: an address, its socket and a monitor. */
export class ReferenceHoldings {
  address: Address = null
  /** True if the socket exists and leads to the process that listened on it last. */
  socketExists = false
  /** The value of `socketExists` before the process that may still fail to take over; `null` if there is no such process. */
  #existedBefore: boolean | null = null
  readonly #shared: SharedState
  #endMonitor: (() => void) | null = null

  constructor(shared: SharedState) {
    this.#shared = shared
  }

  release(): void {
    this.#endMonitor?.()
    this.#endMonitor = null
    this.releaseAddress()
  }

  releaseAddress(): void {
    if (typeof this.address === 'number') this.#shared.released.push(this.address)
    this.address = null
    this.socketExists = false
  }

  /** Prepares a launch with these options. Returns whether the allocator must be called. */
  isToAsk({ listens, startFirst }: ModelOptions): boolean {
    if (startFirst) {
      if (this.address !== SOCKET) this.releaseAddress()
      this.address = SOCKET
      return false
    }
    if (!listens || this.address === SOCKET) this.releaseAddress()
    return listens && this.address === null
  }

  /** Makes the socket lead to the process that became ready. */
  promote(replaces: boolean): void {
    this.#existedBefore = replaces ? this.socketExists : null
    this.socketExists = true
  }

  /** Restores the previous process, because the new one failed. */
  rollback(): void {
    this.socketExists = this.#existedBefore ?? this.socketExists
    this.#existedBefore = null
  }

  /** Makes the change permanent. */
  commit(): void {
    this.#existedBefore = null
  }

  watch(name: string, isMonitored: boolean, onChange: () => void): void {
    const { files, intervals, time } = this.#shared
    const version = (): number => files.get(name) ?? 0
    if (isMonitored) this.#endMonitor ??= watchFile(time, intervals, version, onChange)
    else {
      this.#endMonitor?.()
      this.#endMonitor = null
    }
  }
}
