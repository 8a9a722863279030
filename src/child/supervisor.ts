import { type Actor, createActor } from 'xstate'
import type { SpinnerContext } from '../context.ts'
import { safeLog } from '../emitter.ts'
import { faultedError, internalError, type SpinnerError } from '../errors.ts'
import type { ChildState, Exit } from '../types/child.ts'
import type { ChildSettings } from '../types/options.ts'
import type { ChildHooks } from './hooks.ts'
import type { ChildHistory, LiveInfo } from './info.ts'
import type { MachineEvent } from './machine/events.ts'
import { childMachine, publicState } from './machine/machine.ts'
import { ChildRuntime } from './runtime.ts'
import { logLine, type Transition } from './transition.ts'

/** How a supervisor reports to its child. */
export interface SupervisorHooks extends Omit<ChildHooks, 'send'> {
  /** Settles who waits, in the turn of the transition. */
  onTransition(transition: Transition): void
  /** Tells listeners, which may act, once the machine is at rest. */
  onAnnounce(transition: Transition): void
  /** The child accepted until now, and does no longer. */
  onUnavailable(): void
}

const BUSY: readonly ChildState[] = ['starting', 'stopping', 'restart']

/** Runs the machine of a child, and reports to the child what its transitions mean. */
export class Supervisor {
  readonly runtime: ChildRuntime
  state: ChildState = 'stopped'
  /** True while a process accepts: in `started`, or in a restart that keeps one serving. */
  serves = false
  readonly #context: SpinnerContext
  readonly #hooks: SupervisorHooks
  #actor: Actor<typeof childMachine>
  readonly #last: { -readonly [Key in 'startedAt' | 'readyAt' | 'lastExit']: ChildHistory[Key] }
  #letHostGo: (() => void) | null = null
  #disposed = false

  constructor(
    context: SpinnerContext,
    settings: ChildSettings,
    history: ChildHistory,
    hooks: SupervisorHooks,
  ) {
    this.#context = context
    this.#hooks = hooks
    const { startedAt, readyAt, lastExit } = history
    this.#last = { startedAt, readyAt, lastExit }
    const send = (event: MachineEvent): void => this.send(event)
    const exited = (exit: Exit): void => this.#onExit(exit)
    this.runtime = new ChildRuntime(context, { ...hooks, send, exited }, settings, history.output)
    this.#actor = this.#newActor(history)
  }

  send(event: MachineEvent): void {
    // Processes that survived close() can still exit later. Ignore them.
    if (!this.#disposed) this.#actor.send(event)
  }

  /** Process id of the current process. */
  get pid(): number | null {
    return this.runtime.slots.current?.pid ?? null
  }

  get liveInfo(): LiveInfo {
    const { allocation, slots } = this.runtime
    const { current, latest } = slots
    return {
      state: this.state,
      pid: this.pid,
      address: allocation.address,
      target: allocation.target,
      verified: current?.isReady === true && current.process !== null && current.verified,
      elsewhere: latest?.isReady === false ? latest.elsewhere : null,
    }
  }

  /** What the next activation of the child must know. */
  get history(): ChildHistory {
    const { crashCount, error, reason, restartCount } = this.#actor.getSnapshot().context
    const { startedAt, readyAt, lastExit } = this.#last
    return {
      reason,
      restarts: restartCount,
      crashes: crashCount,
      startedAt,
      readyAt,
      lastError: error,
      lastExit,
      output: this.runtime.output,
    }
  }

  /** Returns the error that refuses a start while the child is faulted. */
  refusal(): SpinnerError {
    const { error, faultedAt, settings } = this.#actor.getSnapshot().context
    const { clock } = this.#context.sys
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

  #newActor(history: ChildHistory): Actor<typeof childMachine> {
    const { clock, random } = this.#context.sys
    const actor = createActor(childMachine, {
      input: { runtime: this.runtime, history, now: () => clock.now(), random: () => random() },
      clock,
    })
    // A new machine begins in `stopped`: that is not a transition of the child.
    let begun = false
    actor.subscribe({
      next: ({ value, context }) => {
        if (begun) this.#onSnapshot(publicState(value), context.reason)
      },
      error: (thrown) => this.#onBroken(thrown),
    })
    actor.start()
    begun = true
    return actor
  }

  #onSnapshot(to: ChildState, reason: string): void {
    const { current, isCovered } = this.runtime.slots
    if (current?.spawnedAt) this.#last.startedAt = current.spawnedAt
    const served = this.serves
    this.serves = to === 'started' || (to === 'restart' && isCovered)
    if (served && !this.serves) this.#hooks.onUnavailable()
    if (to !== this.state) this.#onTransition(to, reason)
  }

  #onTransition(to: ChildState, reason: string): void {
    const from = this.state
    this.state = to
    const { error, kept: isKept } = this.#actor.getSnapshot().context
    const kept = isKept && to === 'started' ? error : null
    if (to === 'started' && !kept) this.#last.readyAt = this.#context.sys.clock.date()
    this.#holdWhileBusy()
    const failure = to === 'faulted' ? (error ?? this.refusal()) : null
    const { address } = this.runtime.allocation
    const { logger, name } = this.runtime.settings
    const transition = { to, from, reason, address, kept, failure }
    const entry = logLine(transition, name, this.pid)
    this.#hooks.onTransition(transition)
    // Announce in a microtask: a listener may call start() or stop(), and the transition must be complete by then
    // (docs/hazards.md#h29).
    queueMicrotask(() => {
      if (entry) safeLog(logger, entry.level, entry.line)
      this.#hooks.onAnnounce(transition)
    })
  }

  #onExit(exit: Exit): void {
    this.#last.lastExit = Object.freeze({ ...exit, at: new Date(this.#context.sys.clock.date()) })
    this.#hooks.exited(exit)
  }

  /** Recovers from a machine that broke, which is a fault of spinner: kills the group, and begins again in `faulted`. */
  #onBroken(thrown: unknown): void {
    this.runtime.killNow()
    this.#actor = this.#newActor(this.history)
    this.send({ type: 'broken', error: internalError(this.runtime.settings.name, thrown) })
  }

  /** Keeps the host alive while something is under way, but not while the child waits to be used or repaired. */
  #holdWhileBusy(): void {
    if (BUSY.includes(this.state)) this.#letHostGo ??= this.#context.sys.hold()
    else {
      this.#letHostGo?.()
      this.#letHostGo = null
    }
  }
}
