import { EventEmitter } from 'eventemitter3'
import type { Child } from './child/child.ts'
import { messageOf, type SpinnerError } from './errors.ts'
import type { Target } from './sys.ts'
import type { ChildSettings, Logger } from './types/options.ts'

/** The six states of a child. `docs/states.md` has the whole table. */
export type ChildState = 'stopped' | 'starting' | 'started' | 'stopping' | 'restart' | 'faulted'

/** What `PORT` holds: the path of a unix socket (or Windows pipe), or a TCP port number. */
export type Address = string | number

/** How a process ended. */
export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** What a check has measured, by name. */
export type Figures = Readonly<Record<string, number>>

/** What a health check has found, for the process that runs now. */
export interface CheckInfo {
  /** When it last could tell how the child is; `null` while it has not. */
  readonly at: Date | null
  /** How often it has failed in a row. */
  readonly failures: number
  /** Why it failed, when it did. */
  readonly reason: string | null
  /** What it measured then, such as `{ memory, processes, cpu }`. */
  readonly figures: Figures | null
}

/** A frozen picture of a child at one moment, as `get()` and `list()` give it. */
export interface ChildInfo {
  readonly name: string
  readonly state: ChildState
  /** Process id of the leader of the child's group, while there is one. */
  readonly pid: number | null
  readonly address: Address | null
  /** The same as `address`; the name that 0.3 used. */
  readonly port: Address | null
  readonly target: Target | null
  /**
   * Whether it was seen that the process that listens there belongs to this child. `false` until it is ready; where the
   * system does not let us look (other than Linux, another user's process); and where `ready` asks for something else.
   */
  readonly verified: boolean
  /** The options in force, defaults filled in, durations in seconds. The values of `env` are left out. */
  readonly options: Readonly<Omit<ChildSettings, 'env'> & { env: readonly string[] }>
  readonly startedAt: Date | null
  readonly readyAt: Date | null
  /** How often it was restarted, for whatever reason, since it was first started. */
  readonly restarts: number
  /** How often it ended without being asked to. */
  readonly crashes: number
  readonly leases: number
  /** When it will be stopped if nobody uses it; `null` while it is not counting. */
  readonly idleAt: Date | null
  /** What its checks have found, by name. Empty while it is not started, and where it has none. */
  readonly checks: Readonly<Record<string, CheckInfo>>
  readonly lastExit: (Exit & { readonly at: Date }) | null
  readonly lastError: Error | null
  /** Why it is in this state, in words. */
  readonly reason: string
  /** The last lines of its output, oldest first. */
  readonly output: readonly string[]
}

/** Where a line of output came from. */
export type OutputStream = 'stdout' | 'stderr'

/** What a child announces. */
export interface ChildEvents {
  started: (address: Address | null) => void
  restarted: (address: Address | null) => void
  stopped: () => void
  faulted: (error: SpinnerError) => void
  error: (error: Error) => void
  state: (to: ChildState, from: ChildState, reason: string) => void
  output: (stream: OutputStream, line: string) => void
  exit: (exit: Exit) => void
  message: (message: unknown) => void
}

/** Where a child's events go besides its own listeners; answers whether anyone listened. */
export type Announce = <Event extends keyof ChildEvents>(
  event: Event,
  child: Child,
  ...args: Parameters<ChildEvents[Event]>
) => boolean

/** What a spinner announces: the events of all its children, each with the child in front. */
export type SpinnerEvents = {
  [Event in keyof ChildEvents]: (child: Child, ...args: Parameters<ChildEvents[Event]>) => void
}

type Listener = (...args: never[]) => unknown
type Guarded = (...args: unknown[]) => void

/**
 * eventemitter3 lets a listener's throw reach the emitter and skips the listeners after it. Here a listener that
 * throws or rejects is one line in the logger, and nobody else notices (HAZARDS H29).
 */
export abstract class SafeEmitter<Events extends object> {
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
