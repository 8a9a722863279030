import { EventEmitter } from 'eventemitter3'
import { messageOf } from './errors.ts'
import type { Emitter, Listener } from './types/events.ts'
import type { Logger } from './types/options.ts'

type Guarded = (...args: unknown[]) => void

/**
 * eventemitter3 lets a listener's throw reach the emitter and skips the listeners after it. Here a listener that
 * throws or rejects is one line in the logger, and nobody else notices (docs/hazards.md#h29).
 */
export abstract class SafeEmitter<Events extends object> implements Emitter<Events> {
  // Made at the first listener: a thousand children that nobody listens to hold none of it.
  #emitter: EventEmitter | null = null
  #guarded: WeakMap<Listener, Guarded> | null = null

  /** Where it is said what a listener threw. */
  protected abstract logger(): Logger | null

  /** Calls `listener` at each `event`. */
  on<Event extends keyof Events & string>(event: Event, listener: Events[Event] & Listener): this {
    const guarded = this.#guard(listener)
    this.#emitter?.on(event, guarded)
    return this
  }

  /** Calls `listener` at the next `event` only. */
  once<Event extends keyof Events & string>(event: Event, listener: Events[Event] & Listener): this {
    const guarded = this.#guard(listener)
    this.#emitter?.once(event, guarded)
    return this
  }

  /** Removes `listener` from `event`, or all listeners of `event` when none is named. */
  off<Event extends keyof Events & string>(event: Event, listener?: Events[Event] & Listener): this {
    const guarded = listener && this.#guarded?.get(listener)
    if (listener === undefined) this.#emitter?.removeAllListeners(event)
    else if (guarded) this.#emitter?.off(event, guarded)
    return this
  }

  /** How many listeners `event` has. */
  listenerCount(event: keyof Events & string): number {
    return this.#emitter?.listenerCount(event) ?? 0
  }

  /** @internal Returns whether anyone listened. */
  emit<Event extends keyof Events & string>(
    event: Event,
    ...args: Events[Event] extends (...args: infer Args) => unknown ? Args : never
  ): boolean {
    return this.#emitter?.emit(event, ...args) ?? false
  }

  #guard(listener: Listener): Guarded {
    this.#emitter ??= new EventEmitter()
    this.#guarded ??= new WeakMap()
    const known = this.#guarded.get(listener)
    if (known) return known
    const guarded: Guarded = (...args) =>
      guard(() => listener(...(args as never[])), this.logger(), 'a listener')
    this.#guarded.set(listener, guarded)
    return guarded
  }
}

/** Calls what a user gave us. Whatever it throws, now or later, ends here as one line in the logger. */
export function guard(call: () => unknown, logger: Logger | null, whose: string): void {
  const report = (thrown: unknown): void => safeLog(logger, 'error', `${whose} threw: ${traceOf(thrown)}`)
  try {
    caught(call(), report)
  } catch (thrown) {
    report(thrown)
  }
}

/** What a user's own function threw, and where: that is what its author must know. */
function traceOf(thrown: unknown): string {
  const [, frame = ''] = /\n\s+(at .*)/.exec(thrown instanceof Error ? String(thrown.stack) : '') ?? []
  return frame === '' ? messageOf(thrown) : `${messageOf(thrown)} (${frame})`
}

/** Hears the rejection of whatever can reject, be it of this realm or another. */
export function caught(result: unknown, report: (thrown: unknown) => void): void {
  const then = (result as { then?: unknown } | null | undefined)?.then
  if (typeof then === 'function') then.call(result, undefined, report)
}

/** One line to the user's logger, which may itself throw. */
export function safeLog(logger: Logger | null, level: keyof Logger, line: string): void {
  try {
    caught(logger?.[level](`[spinner] ${line}`), () => {})
  } catch {
    // A logger that throws has nowhere left to say so.
  }
}
