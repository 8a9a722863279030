import { Allocation } from './address/allocation.ts'
import { classify } from './classify.ts'
import { crashedError, exitedError, headOf, SpinnerError } from './errors.ts'
import { type Address, safeLog } from './events.ts'
import type { FailureKind } from './failures.ts'
import type { Leave } from './gate.ts'
import { Monitor } from './monitor.ts'
import type { ChildSettings } from './options.ts'
import type { ManagedProcess, ProcessEvents } from './process/managed-process.ts'
import { Ring } from './process/output.ts'
import { spawnProcess } from './process/spawn.ts'
import { lateError } from './ready/late.ts'
import { whenReady } from './ready/ready.ts'
import type { Owner, Shared } from './shared.ts'
import type { Target } from './sys.ts'

/**
 * What a child holds outside its machine: a process, an address, a monitor. The machine decides and its actors
 * call these methods; none of those that end something ever rejects.
 */
export class Resources {
  /** In force from the next spawn on. */
  settings: ChildSettings
  process: ManagedProcess | null = null
  readonly output: Ring = new Ring()
  readonly #shared: Shared
  readonly #owner: Owner
  readonly #lineListeners = new Set<(line: string) => void>()
  readonly #allocation: Allocation
  #monitor: Monitor | null = null
  /** What the monitor was made for. */
  #monitored: string | null = null
  /** In force for the attempt, or the process, that there is. */
  #current: ChildSettings
  #isReady = false
  #verified = false
  #leaveGate: Leave = () => {}

  constructor(shared: Shared, owner: Owner, settings: ChildSettings) {
    this.#shared = shared
    this.#owner = owner
    this.settings = settings
    this.#current = settings
    const { plugins, ports, sockets, sys } = shared
    const guard = (call: () => unknown): void => plugins.guard(call, owner.child)
    this.#allocation = new Allocation({ clock: sys.clock, ports, sockets }, guard)
  }

  /** Where the child listens, or is about to. */
  get address(): Address | null {
    return this.#allocation.address
  }

  get target(): Target | null {
    return this.#allocation.target
  }

  /** Whether it was seen that the process itself listens there. */
  get verified(): boolean {
    return this.process !== null && this.#isReady && this.#verified
  }

  /** One attempt works with the options that were there when it began. */
  async launch(signal: AbortSignal): Promise<number> {
    this.#current = this.settings
    this.#watchFiles()
    const { cgroups, orphans } = this.#shared
    await orphans?.ready()
    const address = await this.#allocation.obtain(this.#current, signal)
    if (cgroups?.folder) orphans?.keepEmpty(cgroups.folder)
    // From the gate to the spawn nothing may be awaited: it lets one through in each turn of the loop.
    const leaveGate = await this.#shared.gate.enter(signal)
    this.#leaveGate = leaveGate
    this.#isReady = false
    try {
      signal.throwIfAborted()
      const spawned = this.#spawn(address)
      if (spawned instanceof Promise) throw await spawned
      this.process = spawned
      return spawned.pid
    } catch (thrown) {
      leaveGate()
      throw thrown
    }
  }

  async ready(signal: AbortSignal): Promise<void> {
    const { process, address } = this
    if (!process) return
    const leaveGate = this.#leaveGate
    const ended = new AbortController()
    void process.ended.then(() => ended.abort())
    try {
      const { owners, socketWatch, sys } = this.#shared
      const { child } = this.#owner
      const onLine = (listener: (line: string) => void): (() => void) => this.#onLine(listener)
      const place = await whenReady(
        { sys, owners, socketWatch, settings: this.#current, address, process, child, onLine },
        AbortSignal.any([signal, ended.signal]),
      )
      // A user's function may go on after its attempt has ended; what is kept by then is the next one's.
      signal.throwIfAborted()
      this.#allocation.target = place?.target ?? null
      this.#verified = place?.verified ?? false
      await sys.nextTurn()
    } catch (thrown) {
      if (process.exit === null) throw thrown
    } finally {
      leaveGate()
    }
    // It may have bound and died: the exit itself, which is on its way, then ends this attempt (HAZARDS H38).
    if (process.exit !== null || signal.aborted) await new Promise(() => {})
    this.#isReady = true
  }

  #onLine(listener: (line: string) => void): () => void {
    this.#lineListeners.add(listener)
    return () => void this.#lineListeners.delete(listener)
  }

  hasPlugins(): boolean {
    return this.#shared.plugins.takePart()
  }

  introduce(signal: AbortSignal): Promise<void> {
    return this.#shared.plugins.ready(this.#owner.child, signal)
  }

  drain(reason: string, signal: AbortSignal): Promise<void> {
    return this.#shared.plugins.drain(this.#owner.child, reason, signal)
  }

  async terminate(): Promise<void> {
    this.#leaveGate()
    await this.process?.terminate()
    await this.#allocation.clean()
  }

  async kill(): Promise<void> {
    this.#leaveGate()
    await this.process?.kill()
    await this.#allocation.clean()
  }

  /** In this very turn, for a machine that broke. */
  killNow(): void {
    this.process?.killNow()
  }

  /** The options of the process that there is, or of the next one. */
  get inForce(): ChildSettings {
    return this.process ? this.#current : this.settings
  }

  gone(): void {
    if (this.process === null) return
    this.process = null
    this.#shared.plugins.gone(this.#owner.child)
  }

  /** Gives back what a stopped child does not need. */
  release(): void {
    this.#monitor?.close()
    this.#monitor = null
    this.#monitored = null
    this.#allocation.release()
  }

  stillAlive(): SpinnerError {
    const pids = this.process?.survivors() ?? []
    const { name } = this.settings
    return new SpinnerError(
      'ERR_SPINNER_STILL_ALIVE',
      `'${name}' was killed, but processes of it still live (${pids.join(', ')}); nothing is started over them. End them by hand, then stop or start it.`,
      { child: name },
    )
  }

  spared(reason: string): void {
    const message = `'${this.settings.name}' fails its checks again (${reason}), but it was restarted for that several times already; it is left alone.`
    this.#owner.error(new SpinnerError('ERR_SPINNER_NOT_READY', message, { child: this.settings.name }))
  }

  /** What kind of failure an attempt was; a taken address is given up here. */
  classify(thrown: unknown, attempts: number): { error: SpinnerError; kind: FailureKind } {
    const { logger, name } = this.#current
    const classified = classify(thrown, this.#current, attempts, this.process?.lastWords ?? [])
    if (classified.kind === 'address') this.#allocation.giveUp(name)
    safeLog(logger, 'warn', `${name}: attempt ${attempts} failed: ${headOf(classified.error)}`)
    return classified
  }

  /** Why it was not ready in time. */
  explain(): Promise<SpinnerError> {
    return lateError(this.#shared, this.#current, this.address, this.process)
  }

  #spawn(address: Address | null): ManagedProcess | Promise<SpinnerError> {
    const { census, cgroups, marks, orphans, sys } = this.#shared
    const given = { address, census, cgroups, mark: marks.next(), watch: orphans?.watch ?? null }
    const spawned = spawnProcess(sys, this.#current, given, this.#events())
    if (!(spawned instanceof Promise)) orphans?.guard(spawned)
    return spawned
  }

  #events(): ProcessEvents {
    const { name, ready } = this.#current
    const awaited = ready === 'listen' ? `it listened on ${this.address}` : 'it was ready'
    return {
      line: (stream, line) => {
        this.output.push(line)
        for (const listener of [...this.#lineListeners]) listener(line)
        this.#owner.line(stream, line)
      },
      message: (message) => this.#owner.message(message),
      exited: (pid, exit) => {
        this.#owner.exited(exit)
        const output = this.process?.lastWords ?? []
        const error = this.#isReady
          ? crashedError(name, exit, output)
          : exitedError(name, exit, output, awaited)
        this.#owner.send({ type: 'exited', pid, exit, error })
      },
    }
  }

  #watchFiles(): void {
    const { cwd, monitor, name } = this.#current
    const wanted =
      monitor && JSON.stringify([monitor.paths, monitor.ignore.map(String), monitor.debounce, cwd])
    if (wanted === this.#monitored) return
    this.#monitor?.close()
    this.#monitored = wanted
    const { sys, rounds } = this.#shared
    const { send, error } = this.#owner
    this.#monitor =
      monitor &&
      new Monitor(sys, rounds, monitor, cwd ?? '.', {
        changed: (file) => send({ type: 'changed', file }),
        warn: (message) => error(new Error(`'${name}': ${message}`)),
      })
  }
}
