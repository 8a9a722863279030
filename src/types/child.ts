import type { Writable } from 'node:stream'
import type { ChildEvents, Emitter } from './events.ts'
import type { ChildSettings, WaitOptions } from './options.ts'

/** The six states of a child. `docs/states.md` has the whole table. */
export type ChildState = 'stopped' | 'starting' | 'started' | 'stopping' | 'restart' | 'faulted'

/** What `PORT` holds: the path of a unix socket (or Windows pipe), or a TCP port number. */
export type Address = string | number

/** Where a child listens, in the form that `http.request` and `net.connect` take. */
export type Target = { readonly socketPath: string } | { readonly host: string; readonly port: number }

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
  /** Where a process that is not ready listens instead of its address, as part of a sentence; `null` when that is not known. */
  readonly elsewhere: string | null
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

/**
 * Says that a child is in use. While one is held the child is never idle; letting go restarts its idle clock.
 *
 * @example
 * import { createSpinner } from 'spinner'
 *
 * const spinner = createSpinner({ logger: null })
 * const lease = await spinner.acquire({ name: 'sleeper', command: 'sleep', args: ['60'], listen: null })
 * lease.release()
 * await spinner.close()
 */
export interface Lease {
  /** Where the child listens now. */
  readonly address: Address | null
  /** The same, as `http.request` and `net.connect` take it. */
  readonly target: Target | null
  /** Lets go. A second call does nothing. */
  release(): void
  [Symbol.dispose](): void
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * One named, supervised program. Its record outlives its processes. Awaiting it waits until it is ready, and
 * gives its address or throws what went wrong.
 *
 * @example
 * import { createSpinner } from 'spinner'
 *
 * const spinner = createSpinner({ logger: null })
 * const child = spinner.start({ name: 'sleeper', command: 'sleep', args: ['60'], listen: null })
 * child.on('stopped', () => console.log('it has stopped'))
 * await child
 * console.log(child.state, child.pid) // started 4711
 * await spinner.close()
 */
export interface Child extends Emitter<ChildEvents>, PromiseLike<Address | null> {
  readonly name: string
  /** One of the six states. */
  readonly state: ChildState
  /**
   * True while a process of the child accepts connections: in `started`, and in a restart with `restartOrder: 'start-first'`,
   * in which the old process serves until the next one is ready.
   */
  readonly serves: boolean
  /**
   * True while the child is down although nobody stopped it: it is `faulted`, or its last start found no free slot
   * (`maxRunning`, `maxMemory`). Call `start` again after `faultTimeout` to keep it up.
   */
  readonly needsRetry: boolean
  /** Process id of the leader of its group; `null` while there is none. */
  readonly pid: number | null
  /** Where it listens, or is about to. */
  readonly address: Address | null
  /** The same, as `http.request` and `net.connect` take it. */
  readonly target: Target | null
  /** Its standard input, when it was started with `stdin: 'pipe'`. */
  readonly stdin: Writable | null
  /** Says that it was used: its idle clock starts again. Costs a few nanoseconds. */
  touch(): void
  /** A frozen picture of it at this moment. */
  info(): ChildInfo
  /** Starts it if need be and holds it: it is not idle until the lease is released. */
  acquire(options?: WaitOptions): Promise<Lease>
  /** Holds it at once, without waiting: a lease while it {@link serves}, otherwise `null`. Starts nothing. */
  tryAcquire(): Lease | null
  /** Stops it; resolves when its whole process group is gone. */
  stop(options?: WaitOptions): Promise<void>
  /** Drains, ends and starts it again; resolves with its address. */
  restart(options?: WaitOptions): Promise<Address | null>
  /**
   * Restarts it with the options that it was given last. Unlike `restart`, it does not join a restart that is under way
   * with earlier options: that one begins again.
   */
  reload(): Promise<Address | null>
  /**
   * Reports an error that concerns this child, as plugins do: an `error` event of the child and of its spinner, or one line
   * in the logger when nobody listens. Does not change the state of the child.
   */
  reportError(error: unknown): void
  /** Sends a message over IPC; resolves to false when there is no channel, or no message can be made of it. Never throws. */
  send(message: unknown): Promise<boolean>
  /** What `await child` calls: waits until it is ready, or throws what went wrong. */
  then<Ok = Address | null, Fail = never>(
    onReady?: ((address: Address | null) => Ok | PromiseLike<Ok>) | null,
    onError?: ((error: Error) => Fail | PromiseLike<Fail>) | null,
  ): Promise<Ok | Fail>
  /** The same as `then(null, onError)`. */
  catch<Fail>(onError: (error: Error) => Fail | PromiseLike<Fail>): Promise<Address | null | Fail>
  /** Calls `onEnd` when it is ready, or is known not to become so. */
  finally(onEnd: () => void): Promise<Address | null>
}
