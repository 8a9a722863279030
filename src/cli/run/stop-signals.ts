import type { Clock } from '../../sys.ts'

/** Exit codes after the first signal, as users, shells and systemd expect them. */
const STOP_CODES: Readonly<Record<string, number>> = { SIGINT: 130, SIGTERM: 0, SIGHUP: 129 }
/** Exit codes after a second signal, which kills. */
const KILL_CODES: Readonly<Record<string, number>> = { SIGINT: 130, SIGTERM: 143 }

/**
 * Milliseconds in which a second signal is an echo of the first: npm forwards Ctrl-C to the program that it started, to
 * which the terminal has already sent it.
 */
const ECHO_MS = Object.keys(process.env).some((name) => name.startsWith('npm_lifecycle_')) ? 500 : 0

/** What to do after a signal that asks the command to stop. */
export interface StopHandlers {
  /** Returns whether the command is already stopping. */
  isStopping(): boolean
  stop(signal: string, code: number): void
  kill(signal: string, code: number | undefined): void
}

/** Tells the first signal that asks the command to stop from a second one, and from its echo. */
export class StopSignals {
  readonly #clock: Clock
  readonly #on: StopHandlers
  #stoppedAt = Number.NEGATIVE_INFINITY

  constructor(clock: Clock, on: StopHandlers) {
    this.#clock = clock
    this.#on = on
  }

  receive(signal: string): void {
    const now = this.#clock.now()
    if (!this.#on.isStopping()) {
      this.#stoppedAt = now
      this.#on.stop(signal, STOP_CODES[signal] ?? 0)
    } else if (now - this.#stoppedAt >= ECHO_MS) this.#on.kill(signal, KILL_CODES[signal])
  }
}
