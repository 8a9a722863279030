import { EventEmitter } from 'eventemitter3'
import { messageOf } from './errors.ts'
import type { Emitter, Listener } from './types/events.ts'
import type { Logger } from './types/options.ts'

type Guarded = (...args: unknown[]) => void

/**
 * Emitter that contains the errors of listeners: a listener that throws or rejects results in one line in the logger, and the
 * other listeners are called. eventemitter3 alone would throw in `emit` and skip them (docs/hazards.md#h29).
 */
export abstract class SafeEmitter<Events extends object> implements Emitter<Events> {
  // Created by the first listener, to save memory: most of a thousand children have no listeners.
  #emitter: EventEmitter | null = null
  #guarded: WeakMap<Listener, Guarded> | null = null

  /** Returns the logger that receives the errors of listeners. */
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

  /** Removes `listener` from `event`; without `listener`, removes all listeners of `event`. */
  off<Event extends keyof Events & string>(event: Event, listener?: Events[Event] & Listener): this {
    const guarded = listener && this.#guarded?.get(listener)
    if (listener === undefined) this.#emitter?.removeAllListeners(event)
    else if (guarded) this.#emitter?.off(event, guarded)
    return this
  }

  /** Returns the number of listeners of `event`. */
  listenerCount(event: keyof Events & string): number {
    return this.#emitter?.listenerCount(event) ?? 0
  }

  /** @internal Returns true if `event` has listeners. */
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

/** Calls a function of the user. If it throws or rejects, writes one line to the logger; `subject` names the function. */
export function guard(call: () => unknown, logger: Logger | null, subject: string): void {
  const report = (thrown: unknown): void => safeLog(logger, 'error', `${subject} threw: ${traceOf(thrown)}`)
  try {
    caught(call(), report)
  } catch (thrown) {
    report(thrown)
  }
}

/** Returns the message of an error and the innermost frame of its stack, which the author of the function needs. */
function traceOf(thrown: unknown): string {
  const [, frame = ''] = /\n\s+(at .*)/.exec(thrown instanceof Error ? String(thrown.stack) : '') ?? []
  return frame === '' ? messageOf(thrown) : `${messageOf(thrown)} (${frame})`
}

/** Handles the rejection of a result, if it is a promise. Accepts promises of other realms too. */
export function caught(result: unknown, report: (thrown: unknown) => void): void {
  const then = (result as { then?: unknown } | null | undefined)?.then
  if (typeof then === 'function') then.call(result, undefined, report)
}

/** Writes one line to the user's logger. Ignores errors of the logger. */
export function safeLog(logger: Logger | null, level: keyof Logger, line: string): void {
  try {
    caught(logger?.[level](`[spinner] ${line}`), () => {})
  } catch {
    // There is no other place to report the error of a logger.
  }
}
