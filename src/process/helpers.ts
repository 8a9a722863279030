import type { Shared } from '../context.ts'
import type { Address } from '../emitter.ts'
import type { SpinnerError } from '../errors.ts'
import type { ChildSettings } from '../types/options.ts'
import { withLineHint } from './hints.ts'
import type { ManagedProcess, ProcessEvents } from './managed-process.ts'
import { spawnProcess } from './spawn.ts'

/** Spawns with all that makes sure that it is ended with the host. */
export function spawnGuarded(
  shared: Shared,
  settings: ChildSettings,
  address: Address | null,
  events: ProcessEvents,
): ManagedProcess | Promise<SpinnerError> {
  const { census, cgroups, marks, orphans, sys } = shared
  const given = { address, census, cgroups, mark: marks.next(), watch: orphans?.watch ?? null }
  const spawned = spawnProcess(sys, settings, given, events)
  if (spawned instanceof Promise) return spawned.then((error) => withLineHint(sys, settings, error))
  orphans?.guard(spawned)
  return spawned
}

const UNHEARD: ProcessEvents = { exited: () => {}, line: () => {}, message: () => {} }

/** Programs that run for a while beside a child's process, such as the command of a check. */
export class Beside {
  readonly #shared: Shared
  readonly #processes = new Set<ManagedProcess>()

  constructor(shared: Shared) {
    this.#shared = shared
  }

  /** Rejects where it cannot be spawned, and when the signal comes first. */
  async spawn(
    settings: ChildSettings,
    address: Address | null,
    signal: AbortSignal,
  ): Promise<ManagedProcess> {
    const { gate, orphans } = this.#shared
    await orphans?.ready()
    const leaveGate = await gate.enter(signal)
    try {
      signal.throwIfAborted()
      const spawned = spawnGuarded(this.#shared, settings, address, UNHEARD)
      if (spawned instanceof Promise) throw await spawned
      this.#processes.add(spawned)
      void spawned.whenGone().then(() => this.#processes.delete(spawned))
      return spawned
    } finally {
      leaveGate()
    }
  }

  /** Pids of all that still live. */
  survivors(): number[] {
    return [...this.#processes].flatMap((process) => process.survivors())
  }

  /** Whether something of them lives though it was killed so many milliseconds ago. */
  outliveKill(ms: number): boolean {
    return [...this.#processes].some((process) => process.outlivesKill(ms))
  }

  /** In this very turn. */
  killNow(): void {
    for (const process of this.#processes) process.killNow()
  }

  /** Resolves when nothing of them lives. */
  async kill(): Promise<void> {
    await Promise.all([...this.#processes].map((process) => process.kill()))
  }
}
