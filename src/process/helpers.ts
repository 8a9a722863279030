import type { Writable } from 'node:stream'
import type { SpinnerError } from '../errors.ts'
import type { Census } from '../linux/census.ts'
import type { Cgroups } from '../linux/cgroup.ts'
import type { Cookies } from '../linux/cookie.ts'
import type { StartGate } from '../schedule/start-gate.ts'
import type { Sys } from '../sys.ts'
import type { Address } from '../types/child.ts'
import type { ChildSettings } from '../types/options.ts'
import type { ManagedProcess, ProcessEvents } from './managed-process.ts'
import { spawnProcess } from './spawn.ts'
import { withLineHint } from './spawn-error.ts'

/** The part of the guard against orphans that a spawn needs. */
export interface OrphanGuard {
  /** What the watchdog reads. */
  readonly watch: Writable | null
  /** Resolves once nothing is left of an earlier host. */
  ready(): Promise<void>
  guard(process: ManagedProcess): void
}

/** What the spawns of one spinner share. */
export interface SpawnContext {
  readonly sys: Sys
  readonly startGate: StartGate
  readonly cookies: Cookies
  readonly census: Census
  readonly cgroups: Cgroups | null
  readonly orphans: OrphanGuard | null
}

/** Spawns with all that makes sure that it is ended with the host. */
export function spawnGuarded(
  shared: SpawnContext,
  settings: ChildSettings,
  address: Address | null,
  events: ProcessEvents,
): ManagedProcess | Promise<SpinnerError> {
  const { census, cgroups, cookies: marks, orphans, sys } = shared
  const given = { address, census, cgroups, cookie: marks.next(), watch: orphans?.watch ?? null }
  const spawned = spawnProcess(sys, settings, given, events)
  if (spawned instanceof Promise) return spawned.then((error) => withLineHint(sys, settings, error))
  orphans?.guard(spawned)
  return spawned
}

const UNHEARD: ProcessEvents = { exited: () => {}, line: () => {}, message: () => {} }

/** Programs that run for a while beside a child's process, such as the command of a check. */
export class HelperProcesses {
  readonly #shared: SpawnContext
  readonly #processes = new Set<ManagedProcess>()

  constructor(shared: SpawnContext) {
    this.#shared = shared
  }

  /** Rejects where it cannot be spawned, and when the signal comes first. */
  async spawn(
    settings: ChildSettings,
    address: Address | null,
    signal: AbortSignal,
  ): Promise<ManagedProcess> {
    const { startGate: gate, orphans } = this.#shared
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
  outlivesKill(ms: number): boolean {
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
