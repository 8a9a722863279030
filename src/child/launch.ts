import type { SpinnerContext } from '../context.ts'
import { crashedError, exitedError } from '../errors.ts'
import { spawnGuarded } from '../process/helpers.ts'
import type { ManagedProcess, ProcessEvents } from '../process/managed-process.ts'
import { pathHint } from '../process/spawn-error.ts'
import type { Endpoint } from '../ready/listen.ts'
import { whenReady } from '../ready/ready.ts'
import type { Leave } from '../schedule/start-gate.ts'
import type { Address } from '../types/child.ts'
import type { ChildSettings } from '../types/options.ts'
import type { ChildHooks } from './hooks.ts'

/** So long a process that was replaced goes on as it was: connections that were made already wait for it. */
const LAST_CONNECTIONS_MS = 100

/**
 * One try to have a process, with the options that were there when it began, and from then on that process. A child has
 * one, or with `start-first` for a while two.
 */
export class Launch {
  readonly settings: ChildSettings
  process: ManagedProcess | null = null
  /** Whether it was seen that the process itself listens. */
  verified = false
  /** Where it listens instead of where it was told to, in words, once that is known. */
  elsewhere: string | null = null
  readonly #shared: SpinnerContext
  readonly #hooks: ChildHooks
  readonly #line: ProcessEvents['line']
  /** What it writes is its own: the one that it replaces may write the same. */
  readonly #lineListeners = new Set<(line: string) => void>()
  #isReady = false
  #address: Address | null = null
  #leaveGate: Leave = () => {}
  #lastConnections: Promise<void> | null = null

  constructor(
    shared: SpinnerContext,
    hooks: ChildHooks,
    settings: ChildSettings,
    line: ProcessEvents['line'],
  ) {
    this.#shared = shared
    this.#hooks = hooks
    this.#line = line
    this.settings = settings
  }

  /**
   * Spawns it, or gives null when it is out of date by the time it passes the gate. From there to the spawn nothing is
   * awaited: the gate lets one through in each turn of the loop.
   */
  async launch(
    address: Address | null,
    signal: AbortSignal,
    isCurrent: () => boolean,
  ): Promise<number | null> {
    this.#address = address
    this.#leaveGate = await this.#shared.startGate.enter(signal)
    try {
      signal.throwIfAborted()
      if (!isCurrent()) {
        this.#leaveGate()
        return null
      }
      const spawned = spawnGuarded(this.#shared, this.settings, address, this.#processEvents())
      if (spawned instanceof Promise) throw await spawned
      this.process = spawned
      return spawned.pid
    } catch (thrown) {
      this.#leaveGate()
      throw thrown
    }
  }

  /** Resolves when it is ready and `settle` has made use of that; what `settle` throws is a failed attempt. */
  async ready(settle: (place: Endpoint | null) => void, signal: AbortSignal): Promise<void> {
    const { process } = this
    if (!process) return
    const ended = new AbortController()
    void process.ended.then(() => ended.abort())
    try {
      const { listenerOwners, socketWatch, sys } = this.#shared
      const { child } = this.#hooks
      const { settings } = this
      const place = await whenReady(
        {
          sys,
          listenerOwners,
          socketWatch,
          settings,
          address: this.#address,
          process,
          child,
          onLine: (listener) => this.#onLine(listener),
          onElsewhere: (said) => {
            this.elsewhere = said
          },
          onBound: () => {
            // Its boot is over, which is what others had to wait for; whose socket it is can be seen for all at once.
            // In a turn of its own, as the gate is left elsewhere: what it lets in next spawns at once.
            if (settings.ready === 'listen') void sys.nextTurn().then(() => this.#leaveGate())
          },
        },
        AbortSignal.any([signal, ended.signal]),
      )
      // A user's function may go on after its attempt has ended; what is kept by then is the next one's.
      signal.throwIfAborted()
      settle(place)
      this.verified = place?.verified ?? false
      // Its end may be on its way already; but where the spawn is all that was waited for, it was ready before that.
      if (settings.ready !== 'spawn') await sys.nextTurn()
    } catch (thrown) {
      if (process.exit === null) throw thrown
    } finally {
      this.#leaveGate()
    }
    // It may have bound and died: the exit itself, which is on its way, then ends this attempt
    // (docs/hazards.md#h38).
    if (process.exit !== null || signal.aborted) await new Promise(() => {})
    this.#isReady = true
  }

  get isReady(): boolean {
    return this.#isReady
  }

  /** What it was told to listen on. */
  get bound(): Address | null {
    return this.#address
  }

  /** The stop signal; resolves when nothing of it lives. */
  async terminate(): Promise<void> {
    this.#leaveGate()
    await this.process?.terminate()
  }

  /** The same once another has taken its place: what the kernel took for it before is still to be accepted. */
  async retire(signal: AbortSignal): Promise<void> {
    // One pause, however often this is called: with a short `stopTimeout` it would never be over.
    this.#lastConnections ??= this.#shared.sys.pause(LAST_CONNECTIONS_MS)
    await this.#lastConnections
    if (!signal.aborted) await this.terminate()
  }

  /** The kill; resolves when nothing of it lives. */
  async kill(): Promise<void> {
    this.#leaveGate()
    await this.process?.kill()
  }

  #onLine(listener: (line: string) => void): () => void {
    this.#lineListeners.add(listener)
    return () => void this.#lineListeners.delete(listener)
  }

  #processEvents(): ProcessEvents {
    const { name, ready } = this.settings
    const awaited = ready === 'listen' ? `it listened on ${this.#address}` : 'it was ready'
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
