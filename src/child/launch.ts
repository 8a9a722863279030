import type { SpinnerContext } from '../context.ts'
import { crashedError, exitedError } from '../errors.ts'
import { spawnGuarded } from '../process/helpers.ts'
import type { ManagedProcess, ProcessEvents } from '../process/managed-process.ts'
import { pathHint } from '../process/spawn-error.ts'
import type { Endpoint } from '../ready/listen.ts'
import { readinessOf, whenReady } from '../ready/ready.ts'
import type { Leave } from '../schedule/start-gate.ts'
import type { Address } from '../types/child.ts'
import type { ChildSettings } from '../types/options.ts'
import type { ChildHooks } from './hooks.ts'

/** A replaced process goes on for this long: connections that were made already wait for it in the kernel. */
const LAST_CONNECTIONS_MS = 100

/** One attempt to have a process, with the options that were there when it began, and from then on that process. */
export class Launch {
  readonly settings: ChildSettings
  process: ManagedProcess | null = null
  /** When the process was spawned, in wall-clock milliseconds. */
  spawnedAt: number | null = null
  /** True if the process itself was seen to listen. */
  verified = false
  /** Where the process listens instead of its address, as part of a sentence, once that is known. */
  elsewhere: string | null = null
  readonly #context: SpinnerContext
  readonly #hooks: ChildHooks
  readonly #line: ProcessEvents['line']
  /** Lines of this process alone: the one that it replaces may write the same. */
  readonly #lineListeners = new Set<(line: string) => void>()
  #isReady = false
  #isServing = false
  #address: Address | null = null
  #leaveGate: Leave = () => {}
  #lastConnections: Promise<void> | null = null

  constructor(
    context: SpinnerContext,
    hooks: ChildHooks,
    settings: ChildSettings,
    line: ProcessEvents['line'],
  ) {
    this.#context = context
    this.#hooks = hooks
    this.#line = line
    this.settings = settings
  }

  /** Process id of the leader of its group; `null` before the spawn. */
  get pid(): number | null {
    return this.process?.pid ?? null
  }

  get isReady(): boolean {
    return this.#isReady
  }

  /** True while traffic may reach the process, so that plugins are told before it ends. */
  get isServing(): boolean {
    return this.#isServing
  }

  /** The address that the process was told to listen on. */
  get bound(): Address | null {
    return this.#address
  }

  startServing(): void {
    this.#isServing = true
  }

  stopServing(): void {
    this.#isServing = false
  }

  /**
   * Spawns the process. Returns false if the launch is out of date when it passes the gate. Nothing is awaited between the
   * gate and the spawn: the gate lets one through in each turn of the loop.
   */
  async launch(address: Address | null, signal: AbortSignal, isCurrent: () => boolean): Promise<boolean> {
    this.#address = address
    this.#leaveGate = await this.#context.startGate.enter(signal)
    try {
      signal.throwIfAborted()
      if (!isCurrent()) {
        this.#leaveGate()
        return false
      }
      const spawned = spawnGuarded(this.#context, this.settings, address, this.#processEvents())
      if (spawned instanceof Promise) throw await spawned
      this.process = spawned
      this.spawnedAt = this.#context.sys.clock.date()
      return true
    } catch (thrown) {
      this.#leaveGate()
      throw thrown
    }
  }

  /** Resolves when the process is ready and `promote` has made use of that. What `promote` throws fails the attempt. */
  async ready(promote: (endpoint: Endpoint | null) => void, signal: AbortSignal): Promise<void> {
    const { process } = this
    if (!process) return
    const ended = new AbortController()
    void process.ended.then(() => ended.abort())
    try {
      const endpoint = await this.#whenReady(process, AbortSignal.any([signal, ended.signal]))
      // A user's function may go on after its attempt has ended. By then the address belongs to the next attempt.
      signal.throwIfAborted()
      promote(endpoint)
      this.verified = endpoint?.verified ?? false
      // The exit may be on its way already. A process whose spawn is its readiness was ready before that.
      if (!readinessOf(this.settings.ready).isReadyAtSpawn) await this.#context.sys.nextTurn()
    } catch (thrown) {
      if (process.exit === null) throw thrown
    } finally {
      this.#leaveGate()
    }
    // The process may have bound and died: the exit itself, which is on its way, ends this attempt (docs/hazards.md#h38).
    if (process.exit !== null || signal.aborted) await new Promise(() => {})
    this.#isReady = true
  }

  /** Sends the stop signal. Resolves when nothing of the process lives. */
  async terminate(): Promise<void> {
    this.#leaveGate()
    await this.process?.terminate()
  }

  /** Terminates a process that another has replaced, once it has accepted the connections that were made before. */
  async retire(signal: AbortSignal): Promise<void> {
    // Pause once, however often this is called: with a short `stopTimeout` the pause would never end.
    this.#lastConnections ??= this.#context.sys.pause(LAST_CONNECTIONS_MS)
    await this.#lastConnections
    if (!signal.aborted) await this.terminate()
  }

  /** Kills. Resolves when nothing of the process lives. */
  async kill(): Promise<void> {
    this.#leaveGate()
    await this.process?.kill()
  }

  #whenReady(process: ManagedProcess, signal: AbortSignal): Promise<Endpoint | null> {
    const { listenerOwners, socketWatch, sys } = this.#context
    const { settings } = this
    const candidate = {
      sys,
      listenerOwners,
      socketWatch,
      settings,
      address: this.#address,
      process,
      child: this.#hooks.child,
      onLine: (listener: (line: string) => void) => this.#onLine(listener),
      onElsewhere: (where: string) => {
        this.elsewhere = where
      },
      onBound: () => {
        // The boot is over, which is what others wait for; ownership of sockets can be checked for all at once. Leave in
        // a turn of its own, as elsewhere: the gate lets the next one in, which spawns at once.
        if (readinessOf(settings.ready).leavesGateWhenBound) void sys.nextTurn().then(() => this.#leaveGate())
      },
    }
    return whenReady(candidate, signal)
  }

  #onLine(listener: (line: string) => void): () => void {
    this.#lineListeners.add(listener)
    return () => void this.#lineListeners.delete(listener)
  }

  #processEvents(): ProcessEvents {
    const { name, ready } = this.settings
    const awaited = readinessOf(ready).condition(this.#address)
    return {
      line: (stream, line) => {
        this.#line(stream, line)
        for (const listener of [...this.#lineListeners]) listener(line)
      },
      message: (message) => this.#hooks.message(message),
      exited: (pid, exit) => {
        this.#hooks.exited(exit)
        const output = this.process?.stderrTail ?? []
        const error = this.#isReady
          ? crashedError(name, exit, output)
          : exitedError(name, exit, output, awaited, pathHint(this.#address, output))
        this.#hooks.send({ type: 'exited', pid, exit, error })
      },
    }
  }
}
