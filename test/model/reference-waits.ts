import type { ReferenceTime } from './reference-time.ts'

/** The wait of one caller, and its predicted result. */
export interface Wait {
  result: string | null
  /** True if the caller gets the result by a callback, which comes in a later turn. */
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

/** Predicts the callers that wait for a child, and the result of awaiting it at this moment. */
export class ReferenceWaits {
  readonly #time: ReferenceTime
  #readyWaits: Wait[] = []
  #stopWaits: Wait[] = []
  /** Callers that wait for another process than the one that may be ready. */
  #replacementWaits: Wait[] = []
  /** The known result; `null` while callers have to wait. */
  #outcome: string | null = failed('STOPPED')

  constructor(time: ReferenceTime) {
    this.#time = time
  }

  end(wait: Wait, result: string): void {
    if (wait.result === null) endWait(this.#time, wait, result)
  }

  untilReady(wait: Wait): void {
    if (this.#outcome === null) this.#readyWaits.push(wait)
    else this.end(wait, this.#outcome)
  }

  untilStopped(wait: Wait): void {
    this.#stopWaits.push(wait)
  }

  untilReplaced(wait: Wait): void {
    this.forgetFailure()
    this.#replacementWaits.push(wait)
  }

  /** Forgets an earlier failure, because a start begins. */
  forgetFailure(): void {
    if (!this.#outcome?.startsWith('ok')) this.#outcome = null
  }

  /** Forgets an earlier success, because the child is not ready any more. */
  forgetReady(): void {
    if (this.#outcome?.startsWith('ok')) this.#outcome = null
  }

  ready(address: unknown): void {
    this.#endReadyWaits(ok(address))
    this.#endReplacementWaits(ok(address))
  }

  refuse(code: string): void {
    this.#endReadyWaits(failed(code))
    this.#endReplacementWaits(failed(code))
  }

  /** Rejects the callers that wait for another process, because the old one stays. */
  notReplaced(code: string): void {
    this.#endReplacementWaits(failed(code))
  }

  stopped(): void {
    this.#endStopWaits(ok(undefined))
  }

  stopFailed(code: string): void {
    this.#endStopWaits(failed(code))
  }

  #endReadyWaits(outcome: string): void {
    this.#outcome = outcome
    for (const wait of this.#readyWaits.splice(0)) this.end(wait, outcome)
  }

  #endReplacementWaits(result: string): void {
    for (const wait of this.#replacementWaits.splice(0)) this.end(wait, result)
  }

  #endStopWaits(result: string): void {
    for (const wait of this.#stopWaits.splice(0)) this.end(wait, result)
  }
}
