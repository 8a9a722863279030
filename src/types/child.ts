import type { Writable } from 'node:stream'
import type { ChildEvents, Emitter } from './events.ts'
import type { ChildSettings, WaitOptions } from './options.ts'

/** The six states of a child. `docs/states.md` lists all transitions. */
export type ChildState = 'stopped' | 'starting' | 'started' | 'stopping' | 'restart' | 'faulted'

/** The value of `PORT`: the path of a unix socket (or Windows pipe), or a TCP port number. */
export type Address = string | number

/** Address of a child in the form that `http.request` and `net.connect` take. */
export type Target = { readonly socketPath: string } | { readonly host: string; readonly port: number }

/** How a process ended. */
export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** Measurements of a check, by name. */
export type Figures = Readonly<Record<string, number>>

/** Results of a health check for the current process. */
export interface CheckInfo {
  /** Time of the last run with a result; `null` before the first one. */
  readonly at: Date | null
  /** Number of consecutive failures. */
  readonly failures: number
  /** Reason of the last failure; `null` if the last run succeeded. */
  readonly reason: string | null
  /** Measurements of that run, such as `{ memory, processes, cpu }`. */
  readonly figures: Figures | null
}

/** A frozen snapshot of a child, as `info()`, `get()` and `list()` return it. */
export interface ChildInfo {
  readonly name: string
  readonly state: ChildState
  /** Process id of the leader of the child's process group; `null` if there is none. */
  readonly pid: number | null
  readonly address: Address | null
  /** The same as `address`, under the name of version 0.3. */
  readonly port: Address | null
  readonly target: Target | null
  /**
   * True if spinner confirmed that the process that listens on `address` belongs to this child. False until the child is
   * ready, on systems other than Linux, for a process of another user, and if `ready` does not wait for a listener.
   */
  readonly verified: boolean
  /** The options in force, with all defaults and durations in seconds. Of `env` only the names are included. */
  readonly options: Readonly<Omit<ChildSettings, 'env'> & { env: readonly string[] }>
  readonly startedAt: Date | null
  readonly readyAt: Date | null
  /** If a process that is not ready listens on another port, says which, as part of a sentence; otherwise `null`. */
  readonly elsewhere: string | null
  /** Number of restarts since the first start, for any reason. */
  readonly restarts: number
  /** Number of exits without a request to stop. */
  readonly crashes: number
  /** Number of leases that are held. */
  readonly leases: number
  /** Time at which the child will be stopped if it is not used; `null` if the idle clock does not run. */
  readonly idleAt: Date | null
  /** Results of the checks, by name. Empty if the child is not started or has no checks. */
  readonly checks: Readonly<Record<string, CheckInfo>>
  readonly lastExit: (Exit & { readonly at: Date }) | null
  readonly lastError: Error | null
  /** Reason of the current state, in words. */
  readonly reason: string
  /** The last lines of output, oldest first. */
  readonly output: readonly string[]
}

/** Stream that a line of output came from. */
export type OutputStream = 'stdout' | 'stderr'

/**
 * Marks a child as in use. A child with a lease is never idle. The release of a lease restarts the idle clock.
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
  /** Current address of the child. */
  readonly address: Address | null
  /** The address in the form that `http.request` and `net.connect` take. */
  readonly target: Target | null
  /** Releases the lease. A second call does nothing. */
  release(): void
  [Symbol.dispose](): void
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * A named, supervised program. The handle outlives the processes of the child. `await child` waits until the child is
 * ready and returns its address, or throws the error of the start.
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
  /** Current state. */
  readonly state: ChildState
  /**
   * True while a process of the child accepts connections: in `started`, and in a restart with `restartOrder: 'start-first'`,
   * during which the old process serves until the next one is ready.
   */
  readonly serves: boolean
  /**
   * True while the child is down without a request to stop: it is `faulted`, or its last start found no free slot
   * (`maxRunning`, `maxMemory`). Call `start` again after `faultTimeout` to keep it up.
   */
  readonly needsRetry: boolean
  /** Process id of the leader of the process group; `null` if there is none. */
  readonly pid: number | null
  /** Address on which the child listens, or will listen. */
  readonly address: Address | null
  /** The address in the form that `http.request` and `net.connect` take. */
  readonly target: Target | null
  /** Standard input of the process, if the child was started with `stdin: 'pipe'`; otherwise `null`. */
  readonly stdin: Writable | null
  /** Marks the child as used, which restarts its idle clock. Takes a few nanoseconds. */
  touch(): void
  /** Returns a frozen snapshot of the child. */
  info(): ChildInfo
  /** Starts the child if necessary and resolves with a lease: the child is not idle until the lease is released. */
  acquire(options?: WaitOptions): Promise<Lease>
  /** Returns a lease if the child {@link serves}, otherwise `null`. Does not start the child and does not wait. */
  tryAcquire(): Lease | null
  /** Stops the child. Resolves when its whole process group is gone. */
  stop(options?: WaitOptions): Promise<void>
  /** Drains, stops and starts the child. Resolves with its address. */
  restart(options?: WaitOptions): Promise<Address | null>
  /**
   * Restarts the child with its latest options. Unlike `restart`, does not join a restart that is in progress with earlier
   * options, but begins it again.
   */
  reload(): Promise<Address | null>
  /**
   * Reports an error that concerns this child, as plugins do: emits `error` on the child and on its spinner, or writes one
   * line to the logger if there are no listeners. Does not change the state of the child.
   */
  reportError(error: unknown): void
  /** Sends a message over IPC. Resolves to false if there is no channel or the message cannot be serialised. Does not throw. */
  send(message: unknown): Promise<boolean>
  /** Waits until the child is ready, or rejects with the error of the start. `await child` calls this method. */
  then<Ok = Address | null, Fail = never>(
    onReady?: ((address: Address | null) => Ok | PromiseLike<Ok>) | null,
    onError?: ((error: Error) => Fail | PromiseLike<Fail>) | null,
  ): Promise<Ok | Fail>
  /** The same as `then(null, onError)`. */
  catch<Fail>(onError: (error: Error) => Fail | PromiseLike<Fail>): Promise<Address | null | Fail>
  /** Calls `onEnd` when the child is ready or its start has failed. */
  finally(onEnd: () => void): Promise<Address | null>
}
