import type { Address, Child, ChildInfo, Lease } from './child.ts'
import type { Emitter, SpinnerEvents } from './events.ts'
import type { StartOptions, WaitOptions, WatchOptions } from './options.ts'
import type { Plugin } from './plugin.ts'

/** Receives the result of a call: called exactly once, in a later turn of the event loop. */
export type Callback<Value> = (error: Error | null, value?: Value) => void

/**
 * A registry of children by name: one child per name, one process per child.
 *
 * @example
 * import { createSpinner } from 'spinner'
 *
 * const spinner = createSpinner({ logger: null })
 * spinner.on('error', (child, error) => console.error(child.name, error.message))
 * await spinner.start({ name: 'sleeper', command: 'sleep', args: ['60'], listen: null })
 * console.log(Object.keys(spinner.list())) // [ 'sleeper' ]
 * await spinner.close()
 */
export interface Spinner extends Emitter<SpinnerEvents> {
  /**
   * Starts a child, or joins the start of the child with this name. Returns the handle at once; `await` it for the address.
   * Invalid options throw, or are passed to the callback if there is one.
   */
  start(script: string | StartOptions, callback?: Callback<Address | null>): Child
  /** Stops a child. Resolves when its whole process group is gone, and at once for an unknown name. */
  stop(name: string, callback?: Callback<void>): Promise<void>
  stop(name: string, options?: WaitOptions, callback?: Callback<void>): Promise<void>
  /** Stops all children in parallel. */
  stopAll(callback?: Callback<void>): Promise<void>
  /** The same as {@link stopAll}, under the name of version 0.3. */
  stopall(callback?: Callback<void>): Promise<void>
  /** Drains, stops and starts a child. Resolves with its address. Rejects an unknown name with `ERR_SPINNER_NOT_FOUND`. */
  restart(name: string, callback?: Callback<Address | null>): Promise<Address | null>
  restart(name: string, options?: WaitOptions, callback?: Callback<Address | null>): Promise<Address | null>
  /** Starts a child if necessary and resolves with a lease, which keeps it in use. An unknown name is used as a script. */
  acquire(script: string | StartOptions, options?: WaitOptions): Promise<Lease>
  /** Adds a child without starting it, or replaces the options of a known child for its next spawn. Returns the handle. */
  define(options: StartOptions): Child
  /** Restarts the idle clock of a child. On a hot path, keep the handle and call `child.touch()`. */
  touch(name: string): void
  /** Returns a snapshot of a child, or `null` for an unknown name. */
  get(name: string): ChildInfo | null
  /** Returns snapshots of all children by name, in an object without a prototype. */
  list(): Record<string, ChildInfo>
  /** Returns the handle of a child, or `undefined` for an unknown name. */
  child(name: string): Child | undefined
  /** Adds a plugin. The returned function removes it. */
  use(plugin: Plugin): () => void
  /**
   * Watches files by the rules of the `monitor` option, and calls `onChange` with the path of a file that has changed. After
   * a burst of changes in several files, it calls `onChange` once, with one of the paths and ` and 2 more`. If files cannot
   * be watched, or change all the time, it calls `onError`, by default with a warning in the logger. The returned function
   * ends the watch, and so does {@link close}.
   */
  watch(options: WatchOptions, onChange: (file: string) => void, onError?: (error: Error) => void): () => void
  /** Defaults for children, as given to `createSpinner`: validated and frozen, with durations in seconds. */
  readonly defaults: Readonly<Record<string, unknown>>
  /** True after the first call of {@link close}. */
  readonly isClosing: boolean
  /** Stops all children and frees all resources. Later calls fail with `ERR_SPINNER_CLOSED`. Can be called more than once. */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}
