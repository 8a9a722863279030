import type { ReferenceTime } from './reference-time.ts'

/** One caller's wait, and what it is predicted to end with. */
export interface Wait {
  result: string | null
  /** The caller is told by a callback, in a later turn. */
  readonly byCallback: boolean
  readonly onResult?: (result: string) => void
}

export const ok = (value: unknown): string => `ok ${value}`
export const failed = (code: string): string => `ERR_SPINNER_${code}`

export function endWait(time: ReferenceTime, wait: Wait, result: string): void {
  const tell = (): void => {
    if (wait.result !== null) return
    wait.result = result
    wait.onResult?.(result)
  }
  if (wait.byCallback) time.turns.push(tell)
  else tell()
}

/** Who waits for a child, and what awaiting it gives at this moment. */
export class ReferenceWaits {
  readonly #time: ReferenceTime
  #arrivals: Wait[] = []
  #departures: Wait[] = []
  /** Of those who want another process than the one that may be ready. */
  #renewals: Wait[] = []
  /** What is known already; `null` while all who ask have to wait. */
  #outcome: string | null = failed('STOPPED')

  constructor(time: ReferenceTime) {
    this.#time = time
  }

  end(wait: Wait, result: string): void {
    if (wait.result === null) endWait(this.#time, wait, result)
  }

  forArrival(wait: Wait): void {
    if (this.#outcome === null) this.#arrivals.push(wait)
    else this.end(wait, this.#outcome)
  }

  forDeparture(wait: Wait): void {
    this.#departures.push(wait)
  }

  forRenewal(wait: Wait): void {
    this.open()
    this.#renewals.push(wait)
  }

  /** Nobody knows yet, unless it is ready. */
  open(): void {
    if (!this.#outcome?.startsWith('ok')) this.#outcome = null
  }

  /** It is ready no longer. Whoever was refused stays refused. */
  leave(): void {
    if (this.#outcome?.startsWith('ok')) this.#outcome = null
  }

  arrived(address: unknown): void {
    this.#tellArrivals(ok(address))
    this.#tellRenewals(ok(address))
  }

  refuse(code: string): void {
    this.#tellArrivals(failed(code))
    this.#tellRenewals(failed(code))
  }

  /** There is no other process than the one that was ready. */
  kept(code: string): void {
    this.#tellRenewals(failed(code))
  }

  departed(): void {
    this.#tellDepartures(ok(undefined))
  }

  stayed(code: string): void {
    this.#tellDepartures(failed(code))
  }

  #tellArrivals(outcome: string): void {
    this.#outcome = outcome
    for (const wait of this.#arrivals.splice(0)) this.end(wait, outcome)
  }

  #tellRenewals(result: string): void {
    for (const wait of this.#renewals.splice(0)) this.end(wait, result)
  }

  #tellDepartures(result: string): void {
    for (const wait of this.#departures.splice(0)) this.end(wait, result)
  }
}
