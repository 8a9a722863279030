import { type Actor, createActor } from 'xstate'
import type { SpinnerContext } from '../context.ts'
import { safeLog } from '../emitter.ts'
import { brokenError, faultedError, type SpinnerError } from '../errors.ts'
import type { Evictable } from '../schedule/capacity.ts'
import type { Child, ChildInfo, ChildState, Exit } from '../types/child.ts'
import type { ChildSettings } from '../types/options.ts'
import type { ChildHooks } from './hooks.ts'
import type { ChildHistory, LiveInfo } from './info.ts'
import { logLine } from './log-lines.ts'
import type { MachineEvent } from './machine/events.ts'
import { childMachine, publicState } from './machine/machine.ts'
import { ChildRuntime } from './runtime.ts'

/** What a supervision tells the child that it works for. */
export interface SupervisorHooks extends Pick<ChildHooks, 'line' | 'message' | 'exited' | 'error'> {
  readonly child: Child & Evictable
  /** A transition is complete: settles who waits, and returns what tells the listeners. */
  onTransition(to: ChildState, from: ChildState): (reason: string) => void
  /** It accepted until now, and does no longer. */
  onUnavailable(): void
}

interface Processes {
  readonly pid: number | null
  readonly incumbent: number | null
  readonly retiree: number | null
}

const BUSY: readonly ChildState[] = ['starting', 'stopping', 'restart']

/** A child's machine at work: its actor, what it holds, and what a transition of it means outside. */
export class Supervisor {
  readonly runtime: ChildRuntime
  state: ChildState = 'stopped'
  /** Of the process that serves, or of the one that is being brought up. */
  pid: number | null = null
  readonly #shared: SpinnerContext
  readonly #supervised: SupervisorHooks
  #actor: Actor<typeof childMachine>
  #serves = false
  /** When those that there are were spawned. */
  #spawned: readonly { readonly pid: number; readonly at: number }[] = []
  #startedAt: number | null
  #readyAt: number | null
  #lastExit: ChildInfo['lastExit']
  #letHostGo: (() => void) | null = null
  #disposed = false

  constructor(
    shared: SpinnerContext,
    settings: ChildSettings,
    record: ChildHistory,
    supervised: SupervisorHooks,
  ) {
    this.#shared = shared
    this.#supervised = supervised
    this.#startedAt = record.startedAt
    this.#readyAt = record.readyAt
    this.#lastExit = record.lastExit
    const send = (event: MachineEvent): void => this.send(event)
    const exited = (exit: Exit): void => this.#onExit(exit)
    this.runtime = new ChildRuntime(shared, { ...supervised, send, exited }, settings, record.output)
    this.#actor = this.#newActor(record)
  }

  send(event: MachineEvent): void {
    // What outlived the close may end at any later time.
    if (!this.#disposed) this.#actor.send(event)
  }

  /** What there is of the child at this moment. */
  get liveInfo(): LiveInfo {
    const { address, target, verified } = this.runtime
    return {
      state: this.state,
      pid: this.pid,
      address,
      target,
      verified,
      elsewhere: this.runtime.elsewhere,
    }
  }

  /** What is to be remembered of it. */
  get history(): ChildHistory {
    const { crashCount, error, reason, restartCount } = this.#actor.getSnapshot().context
    return {
      reason,
      restarts: restartCount,
      crashes: crashCount,
      startedAt: this.#startedAt,
      readyAt: this.#readyAt,
      lastError: error,
      lastExit: this.#lastExit,
      output: this.runtime.output,
    }
  }

  /** Whether one of its processes accepts: `started`, or in a restart that brings up the next one first. */
  get serves(): boolean {
    return this.#serves
  }

  /** Why it failed for good; `null` while it has not. */
  get failure(): SpinnerError | null {
    return this.#actor.getSnapshot().context.error
  }

  /** Why the last restart left the old process where it was; `null` when it did not. */
  get kept(): SpinnerError | null {
    const { error, kept } = this.#actor.getSnapshot().context
    return kept ? error : null
  }

  /** What a start is refused with while it is faulted. */
  refusal(): SpinnerError {
    const { error, faultedAt, settings } = this.#actor.getSnapshot().context
    const { clock } = this.#shared.sys
    const left = Math.max(0, faultedAt + settings.faultTimeout * 1_000 - clock.now())
    return faultedError(settings.name, error, left, clock.date())
  }

  dispose(): void {
    this.#disposed = true
    this.#actor.stop()
    this.runtime.killNow()
    this.#letHostGo?.()
    this.runtime.release()
  }

  #newActor(record: ChildHistory): Actor<typeof childMachine> {
    const { clock, random } = this.#shared.sys
    const actor = createActor(childMachine, {
      input: { runtime: this.runtime, history: record, now: () => clock.now(), random: () => random() },
      clock,
    })
    // That a new machine begins in `stopped` is nothing that happened to the child.
    let begun = false
    actor.subscribe({
      next: ({ value, context }) => {
        if (!begun) return
        this.#onProcesses(publicState(value), context)
        this.#onState(publicState(value), context)
      },
      error: (thrown) => this.#onBroken(thrown),
    })
    actor.start()
    begun = true
    return actor
  }

  #onProcesses(state: ChildState, { incumbent, pid, retiree }: Processes): void {
    const now = this.#shared.sys.clock.date()
    const present = [pid, incumbent, retiree].filter((one) => one !== null)
    const known = (one: number) => this.#spawned.find((spawned) => spawned.pid === one)
    this.#spawned = present.map((one) => known(one) ?? { pid: one, at: now })
    const main = incumbent ?? pid
    if (main !== this.pid && main !== null) this.#startedAt = known(main)?.at ?? now
    this.pid = main
    const served = this.#serves
    // Between two processes of which one follows the other, one of them always accepts.
    this.#serves = state === 'started' || (state === 'restart' && (incumbent ?? retiree) !== null)
    if (served && !this.#serves) this.#supervised.onUnavailable()
  }

  /** Only what is complete is shown outside, so that a listener meets the new state. */
  #onState(to: ChildState, { reason }: { reason: string }): void {
    const from = this.state
    if (to === from) return
    this.state = to
    if (to === 'started' && !this.kept) this.#readyAt = this.#shared.sys.clock.date()
    this.#holdWhileBusy()
    const { address, settings } = this.runtime
    const { pid } = this
    const said = logLine(to, from, { name: settings.name, pid, address, reason, kept: this.kept })
    const tell = this.#supervised.onTransition(to, from)
    // Whoever hears of it may act at once, and must meet a machine that answers (docs/hazards.md#h29).
    queueMicrotask(() => {
      if (said) safeLog(settings.logger, said.level, said.line)
      tell(reason)
    })
  }

  #onExit(exit: Exit): void {
    this.#lastExit = Object.freeze({ ...exit, at: new Date(this.#shared.sys.clock.date()) })
    this.#supervised.exited(exit)
  }

  /** A machine that broke is a fault of ours: the group is killed, and a new machine begins in `faulted`. */
  #onBroken(thrown: unknown): void {
    this.runtime.killNow()
    this.#actor = this.#newActor(this.history)
    this.send({ type: 'broken', error: brokenError(this.runtime.settings.name, thrown) })
  }

  /** What is under way keeps the host alive; what merely waits to be used, or to be mended, does not. */
  #holdWhileBusy(): void {
    if (BUSY.includes(this.state)) this.#letHostGo ??= this.#shared.sys.hold()
    else {
      this.#letHostGo?.()
      this.#letHostGo = null
    }
  }
}
