import type { Address, Child, ChildInfo, Lease } from './child.ts'
import type { Emitter, SpinnerEvents } from './events.ts'
import type { StartOptions, WaitOptions, WatchOptions } from './options.ts'
import type { Plugin } from './plugin.ts'

/** The older form of waiting: called once, in a later turn, whatever happens. */
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
   * Starts a child, or joins the start of the one that has its name. Returns its handle at once; awaiting that
   * gives the address. Wrong options throw, or go to the callback when there is one.
   */
  start(script: string | StartOptions, callback?: Callback<Address | null>): Child
  /** Stops a child; resolves when its whole process group is gone. An unknown name is stopped already. */
  stop(name: string, callback?: Callback<void>): Promise<void>
  stop(name: string, options?: WaitOptions, callback?: Callback<void>): Promise<void>
  /** Stops all children, in parallel. */
  stopAll(callback?: Callback<void>): Promise<void>
  /** The name that 0.3 had for {@link stopAll}. */
  stopall(callback?: Callback<void>): Promise<void>
  /** Drains, ends and starts a child again; resolves with its address. An unknown name is `_NOT_FOUND`. */
  restart(name: string, callback?: Callback<Address | null>): Promise<Address | null>
  restart(name: string, options?: WaitOptions, callback?: Callback<Address | null>): Promise<Address | null>
  /** Starts a child if need be and holds it until the lease is released. A name not known is taken as a script. */
  acquire(script: string | StartOptions, options?: WaitOptions): Promise<Lease>
  /** Adds a child without starting it, or gives a known child options for its next spawn. Returns its handle. */
  define(options: StartOptions): Child
  /** Restarts the idle clock of a child. On a hot path keep the handle and call `child.touch()`. */
  touch(name: string): void
  /** A picture of one child, or `null` when the name is not known. */
  get(name: string): ChildInfo | null
  /** Pictures of all children by name, in an object without a prototype. */
  list(): Record<string, ChildInfo>
  /** The handle of a child. */
  child(name: string): Child | undefined
  /** Adds a plugin; the returned function removes it. */
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
  /** True from the first call of {@link close} on. */
  readonly isClosing: boolean
  /** Stops everything and frees all; later calls fail with `_CLOSED`. May be called more than once. */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}
