import { mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { SpinnerError } from '../../src/errors.ts'
import { createSpinnerOn } from '../../src/spinner.ts'
import { realSys } from '../../src/sys.ts'
import type { Child, Target } from '../../src/types/child.ts'
import type { SpinnerOptions, StartOptions } from '../../src/types/options.ts'
import type { Spinner } from '../../src/types/spinner.ts'
import { FakeClock } from '../support/clock.ts'
import { FaultySys, type Injection } from './seams.ts'

/** A guarantee that did not hold. */
export class Broken extends Error {}

export interface Settled<Value> {
  readonly value?: Value
  readonly error?: unknown
}

/** A promise counts as never settled after this much time of the fake clock and this much real time. */
const NEVER_S = 900
const NEVER_MS = 20_000
/** Until then the fake clock runs a few times as fast as the real one, after that as fast as possible. */
const PATIENCE_MS = 1_500
const STEP_MS = 4
/** Seconds that the fake clock advances per step: while processes are alive, while none is, and after PATIENCE_MS. */
const STEP_S = 0.02
const STRIDE_S = 0.2
const LEAP_S = 1

let worlds = 0

/** A spinner with its own view of the system, in which one call fails. */
export class World {
  readonly mark: string
  readonly folder: string = mkdtempSync(path.join(realpathSync(os.tmpdir()), 'faults-'))
  readonly clock: FakeClock = new FakeClock()
  readonly faulty: FaultySys
  readonly children: StartOptions[] = []
  readonly #injection: Injection | null
  #spinner: Spinner | null = null
  #options: SpinnerOptions = {}
  /** The outcome of `close()`; `null` while the spinner is open. */
  closing: Settled<void> | null = null

  constructor(injection: Injection | null) {
    this.#injection = injection
    this.mark = `FAULT_CASE=${process.pid}-${++worlds}`
    const { XDG_RUNTIME_DIR, ...env } = process.env
    const changes = { clock: this.clock, env, tmpdir: () => this.folder }
    this.faulty = new FaultySys(injection, changes)
  }

  /** Returns whether a lasting fault makes these calls fail, so that their information is not available. */
  alwaysFails(seams: RegExp): boolean {
    return this.#injection?.lasts === true && seams.test(this.#injection.seam)
  }

  get spinner(): Spinner {
    if (!this.#spinner) throw new Broken('no spinner was created')
    return this.#spinner
  }

  /** Creates the spinner. If that fails with an error of spinner, lifts the fault and tries again. */
  open(options: SpinnerOptions = this.#options): void {
    this.#options = options
    this.closing = null
    const [name = '', value = ''] = this.mark.split('=')
    const env = { ...options.env, [name]: value, TEST_MARK: String(process.pid) }
    const quiet = { logger: null, stdout: null, stderr: null, monitor: null, idleTimeSec: -1 }
    const times = { timeout: 10, stopTimeout: 3, drainTimeout: 3 }
    const make = (): Spinner =>
      createSpinnerOn(this.faulty.sys, { ...quiet, ...times, ...options, env } as SpinnerOptions)
    try {
      this.#spinner = make()
    } catch (thrown) {
      mustBeOurs(thrown, 'createSpinner')
      this.faulty.lift()
      this.#spinner = make()
    }
  }

  /** Closes the spinner. `close()` must settle, but may reject if spinner could not end something. */
  async close(): Promise<void> {
    this.closing = await this.settle(this.spinner.close(), 'close()')
  }

  start(options: StartOptions): Child {
    this.children.push(options)
    return this.spinner.start(options)
  }

  /** Returns the outcome of a public promise. It must settle with a value or with a `SpinnerError`. */
  async settle<Value>(wait: PromiseLike<Value>, what: string): Promise<Settled<Value>> {
    let settled: Settled<Value> | undefined
    wait.then(
      (value) => {
        settled = { value }
      },
      (error) => {
        settled = { error }
      },
    )
    await this.until(() => settled !== undefined, `${what} never settled`)
    if (settled && 'error' in settled) mustBeOurs(settled.error, what)
    return settled as Settled<Value>
  }

  /** Advances the fake clock until the condition is true. */
  async until(isSo: () => boolean | Promise<boolean>, otherwise: string): Promise<void> {
    const begun = Date.now()
    const never = this.clock.now() + NEVER_S * 1_000
    for (let looks = 0; !(await isSo()); looks++) {
      const waited = Date.now() - begun
      if (waited > NEVER_MS && this.clock.now() > never) throw new Broken(otherwise)
      if (looks > 0) await new Promise((resolve) => setTimeout(resolve, STEP_MS))
      await this.clock.advance(this.#pace(waited))
    }
  }

  #pace(waited: number): number {
    if (waited > PATIENCE_MS) return LEAP_S
    return this.faulty.children.some(lives) ? STEP_S : STRIDE_S
  }

  /** Waits until the child is started, its process is alive and its address accepts connections. */
  async mustServe(child: Child): Promise<void> {
    const serves = async (): Promise<boolean> => {
      const { pid, state, target } = child
      return state === 'started' && pid !== null && lives(pid) && (!target || (await answers(target)))
    }
    await this.until(serves, `'${child.name}' does not serve`).catch((thrown) => {
      const { pid, reason, state } = child.info()
      throw new Broken(`${thrown.message}: the child is ${state}, pid ${pid}, ${reason}`)
    })
  }

  /** Returns the living processes that this world has started, with all descendants, without the watchdog. */
  living(): string[] {
    return marked(this.mark)
  }

  /** Kills all its processes. */
  endAll(): void {
    const left = this.living().map((line) => Number.parseInt(line, 10))
    for (const pid of [...left, ...[...this.faulty.pids].filter(lives)]) {
      try {
        process.kill(pid, 'SIGKILL')
      } catch {
        // The process has exited meanwhile.
      }
    }
  }

  /** Kills, closes and removes everything that is left after the verdict. */
  async destroy(): Promise<void> {
    this.faulty.lift()
    this.endAll()
    for (const folder of [this.folder, ...this.faulty.folders])
      rmSync(folder, { recursive: true, force: true })
    for (const watcher of this.faulty.watchers) watcher.close()
    for (const socket of this.faulty.sockets) socket.destroy()
    await realSys.nextTurn()
  }
}

export function mustBeOurs(thrown: unknown, what: string): void {
  if (thrown instanceof SpinnerError) return
  const shown = thrown instanceof Error ? thrown.stack : String(thrown)
  throw new Broken(`${what} failed with an error that is not a SpinnerError: ${shown}`)
}

/** Returns whether a process is alive. A zombie is not. */
export function lives(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) [ZX]/s.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}

function marked(mark: string): string[] {
  const found: string[] = []
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry) || Number(entry) === process.pid) continue
    try {
      if (!`${readFileSync(`/proc/${entry}/environ`, 'utf8')}`.split('\0').includes(mark)) continue
      const command = readFileSync(`/proc/${entry}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()
      if (lives(Number(entry))) found.push(`${entry} ${command}`)
    } catch {
      // The process has exited meanwhile.
    }
  }
  return found
}

/** Returns whether the target accepts a connection, even if the server closes it at once. */
function answers(target: Target): Promise<boolean> {
  return new Promise((resolve) => {
    const socket =
      'socketPath' in target ? net.connect(target.socketPath) : net.connect(target.port, target.host)
    socket.once('connect', () => resolve(true))
    socket.once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}
