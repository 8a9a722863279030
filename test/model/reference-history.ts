const UP_AND_WELL_MS = 30_000
const CHECK_BUDGET = 3
const CHECK_WINDOW_MS = 600_000

/** Records the crashes of a child and the restarts by its checks. */
export class ReferenceHistory {
  /** Number of crashes in a row, each soon after the child became ready. */
  streak = 0
  readyAt = 0
  #crashes: number[] = []
  #restartsByCheck: number[] = []

  /** Records a crash. Returns whether there were more than allowed. */
  crash(now: number, windowSeconds: number, most: number): boolean {
    this.streak = now - this.readyAt < UP_AND_WELL_MS ? this.streak + 1 : 1
    const earlier = this.#crashes.filter((at) => now - at < windowSeconds * 1_000)
    this.#crashes.push(now)
    return earlier.length + 1 > most
  }

  /** Records a restart by a check. Returns whether it is allowed. */
  restartByCheck(now: number): boolean {
    const recent = this.#restartsByCheck.filter((at) => now - at < CHECK_WINDOW_MS)
    if (recent.length >= CHECK_BUDGET) return false
    this.#restartsByCheck.push(now)
    return true
  }

  forget(): void {
    this.streak = 0
    this.#crashes = []
    this.#restartsByCheck = []
  }
}
