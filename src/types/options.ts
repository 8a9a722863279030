import type { Writable } from 'node:stream'
import type { Child } from './child.ts'
import type { Allocator, Check, Plugin } from './plugin.ts'

/** A number of seconds, or a string such as `'500ms'`, `'30s'`, `'5m'`. */
export type Duration = number | string

/** Receives spinner's log lines. `console` and pino have this shape. */
export interface Logger {
  info(line: string): void
  warn(line: string): void
  error(line: string): void
  debug(line: string): void
}

/** Files whose change restarts the child. */
export interface MonitorOptions {
  /** One or more files or directories. Relative paths are resolved against the child's `cwd`. */
  paths: string | readonly string[]
  /** Substrings of paths, or regular expressions, to ignore in addition to the built-in ones (`node_modules`, `.git`, `*.log`). */
  ignore?: string | RegExp | readonly (string | RegExp)[]
  /** Time without a further change after which a burst of changes counts as one. @default 0.1 */
  debounce?: Duration
}

/** Options of `spinner.watch`: those of `monitor`, and the directory that relative paths are resolved against. */
export interface WatchOptions extends MonitorOptions {
  /** @default the working directory of the host */
  cwd?: string | URL | null
}

/** Condition under which a child is ready. */
export type Ready =
  | 'listen'
  | 'spawn'
  | 'message'
  | { readonly http: string }
  | { readonly output: RegExp }
  | ((child: Child, signal: AbortSignal) => unknown)

/** Options of a child. All except `name`, `script` and `args` can also be passed to `createSpinner` as defaults. */
export interface ChildOptions {
  /** Unique name of the child in its spinner. @default the script */
  name?: string
  /** Script that Node, or the given `command`, runs. It becomes the first argument, and is resolved against `cwd`. */
  script?: string
  /** Program to run. @default process.execPath */
  command?: string
  /** Arguments of the program. With `script`, the arguments after the script. */
  args?: readonly string[]
  /** Environment variables, merged over the spinner's `env` and the inherited environment. `undefined` removes a variable. spinner sets `PORT` and `port` last. */
  env?: Readonly<Record<string, string | number | boolean | undefined>>
  /** `true` inherits the environment of the host; `false` passes only `env` and PATH; an array lists the variables to inherit besides PATH. @default true */
  extendEnv?: boolean | readonly string[]
  /** Working directory of the child; `null` is the host's own. */
  cwd?: string | URL | null
  /** Receives log lines; `null` disables logging. @default console */
  logger?: Logger | null
  /** Maximum time from spawn to ready. @default 30 */
  timeout?: Duration
  /** Number of attempts per start before the child is faulted. @default 3 */
  attempts?: number
  /** Time from the stop signal to the kill. @default 30 */
  stopTimeout?: Duration
  /** Signal that asks the child to exit, before the kill. @default 'SIGTERM' */
  stopSignal?: NodeJS.Signals
  /** Receiver of the stop signal: the process group, or only its leader. The kill always goes to the group. @default 'group' for shells and package managers, else 'leader' */
  stopScope?: 'group' | 'leader'
  /** Files whose change restarts the child. @default the `script` if there is one, else null */
  monitor?: string | readonly string[] | MonitorOptions | null
  /** Stream that receives the child's stdout; `null` discards it. @default process.stdout */
  stdout?: Writable | null
  /** Stream that receives the child's stderr; `null` discards it. @default process.stderr */
  stderr?: Writable | null
  /** Time without a touch or a lease after which the child is stopped; `-1` or `null`: never. @default 1800 */
  idleTimeSec?: Duration | null
  /** `true` exempts the child from eviction by `maxRunning` and `maxMemory`. It is still stopped when it is idle. @default false */
  warm?: boolean
  /** Whether to restart the child when it exits without a call to stop it. @default 'always' */
  restart?: 'always' | 'on-failure' | 'never'
  /** Time window in which crashes are counted. @default 60 */
  restartTolerance?: Duration
  /** Number of crashes allowed in the window; one more makes the child faulted. @default 1 */
  maxRestarts?: number
  /** Time during which a faulted child rejects `start`. @default 60 */
  faultTimeout?: Duration
  /** Order of a restart: end the old process first, or start the new one first. @default 'stop-first' */
  restartOrder?: 'stop-first' | 'start-first'
  /** Address to listen on; `null` for a child that does not listen. @default 'socket' */
  listen?: 'socket' | 'port' | number | Allocator | null
  /** Condition under which the child is ready. @default 'listen', or 'spawn' when `listen` is null */
  ready?: Ready
  /** `'pipe'` lets you write to the child through `child.stdin`. @default 'ignore' */
  stdin?: 'ignore' | 'pipe'
  /** Opens an IPC channel for `child.send()` and the event `message`. @default false */
  ipc?: boolean
  /** User id that the child runs as. */
  uid?: number
  /** Group id that the child runs as. */
  gid?: number
  /** Health checks that run while the child is started. */
  checks?: readonly Check[]
  /** Maximum time for the plugins to finish when the child becomes ready, and again when it is drained. @default 30 */
  drainTimeout?: Duration
}

/** Options of `start`: the options of a child, and a signal. */
export interface StartOptions extends ChildOptions {
  /** Aborts this call with the signal's reason; the child is not affected. */
  signal?: AbortSignal
}

/** Options of `stop`, `restart` and `acquire`. */
export interface WaitOptions {
  /** Aborts this call with the signal's reason; the child is not affected. */
  signal?: AbortSignal
}

/** Defaults for every child, and the options of the spinner itself. */
export interface SpinnerOptions extends Omit<ChildOptions, 'name' | 'script' | 'args'> {
  /** Plugins that hook into the lifecycle of all children. @default [] */
  plugins?: readonly Plugin[]
  /** Maximum number of concurrent starts. A start that takes longer than a second is no longer counted. @default the number of CPUs, at least 2 */
  concurrency?: number
  /** Maximum number of running children. To start another, spinner stops the least recently used child that is neither in use nor `warm`. @default null */
  maxRunning?: number | null
  /** Limit for the memory of all children together, in bytes or as a string such as `'2GB'`. To start another child while they use this much or more, spinner first stops children by the rule of `maxRunning`. Linux only. @default null */
  maxMemory?: number | string | null
  /** Directory for sockets and state. @default a new directory that only this user can enter */
  runtimeDir?: string
  /** Stable identity of the host. On Linux, a new host ends the processes that a dead host with the same `id` left behind. Sockets are in a directory of this name. Only one living host can use an `id`. */
  id?: string
  /** Handling of the children when the host ends: kill them, or leave them running. @default 'kill' */
  orphans?: 'kill' | 'leave'
  /** Gives each child its own cgroup, which its processes do not leave by themselves. Linux only, and only if the host may create cgroups (see [platforms](platforms.md)). A start takes about 10 ms longer. @default false */
  cgroup?: boolean
}

/** `monitor` after validation. */
export interface MonitorSettings {
  readonly paths: readonly string[]
  readonly ignore: readonly (string | RegExp)[]
  /** In seconds. */
  readonly debounce: number
}

/** A value after validation: durations are seconds, sizes are bytes, and URLs are paths. */
type Settled<Value> = [number | string] extends [Value]
  ? Exclude<Value, string | undefined>
  : Exclude<Value, URL | undefined>

/** Options after validation, without those in `Replaced`, which take another form. */
type SettingsOf<Options, Replaced> = {
  readonly [Option in keyof Options as Exclude<Option, keyof Replaced>]-?: Settled<Options[Option]>
}

/** The options of a child that take another form. */
interface ReplacedChildSettings {
  /** The `script` option, or null. */
  readonly script: string | null
  readonly env: Readonly<Record<string, string | undefined>>
  readonly monitor: MonitorSettings | null
  readonly uid: number | undefined
  readonly gid: number | undefined
}

/** Options of a child after validation: frozen and complete, durations in seconds, `null` for "off". */
export interface ChildSettings
  extends SettingsOf<ChildOptions, ReplacedChildSettings>,
    ReplacedChildSettings {}

/** The options of the spinner that take another form. */
interface ReplacedSpinnerSettings {
  /** Defaults for children: validated, but not complete. */
  readonly defaults: Readonly<Record<string, unknown>>
  readonly concurrency: number | null
  readonly runtimeDir: string | null
  readonly id: string | null
}

/** Options of the spinner itself after validation. */
export interface SpinnerSettings
  extends SettingsOf<Omit<SpinnerOptions, keyof ChildOptions>, ReplacedSpinnerSettings>,
    ReplacedSpinnerSettings {}
