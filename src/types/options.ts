import type { Writable } from 'node:stream'
import type { Child } from './child.ts'
import type { Allocator, Check, Plugin } from './plugin.ts'

/** Seconds, or a text such as `'500ms'`, `'30s'`, `'5m'`. */
export type Duration = number | string

/** Where spinner writes what it does. `console` and pino fit. */
export interface Logger {
  info(line: string): void
  warn(line: string): void
  error(line: string): void
  debug(line: string): void
}

/** Files whose change restarts the child. */
export interface MonitorOptions {
  /** A file or folder, or several; relative ones count from the child's `cwd`. */
  paths: string | readonly string[]
  /** Left out besides the usual (`node_modules`, `.git`, `*.log`): parts of paths, or patterns. */
  ignore?: string | RegExp | readonly (string | RegExp)[]
  /** How long it must be quiet before a burst of changes counts as one. @default 0.1 */
  debounce?: Duration
}

/** What `spinner.watch` takes: the same as `monitor`, and the folder that relative paths count from. */
export interface WatchOptions extends MonitorOptions {
  /** @default the host's own */
  cwd?: string | URL | null
}

/** When a child counts as ready. */
export type Ready =
  | 'listen'
  | 'spawn'
  | 'message'
  | { readonly http: string }
  | { readonly output: RegExp }
  | ((child: Child, signal: AbortSignal) => unknown)

/** The options of a child. All but `name`, `script` and `args` may be given to `createSpinner` as defaults. */
export interface ChildOptions {
  /** The key by which the child is known. @default the script */
  name?: string
  /** A program for Node, or for the `command` that is given: it becomes the first argument, and counts from `cwd`. */
  script?: string
  /** The program. @default process.execPath */
  command?: string
  /** What the program is given; in the short form, what comes after the script. */
  args?: readonly string[]
  /** Merged over the spinner's `env` and the inherited environment; `undefined` removes a variable. `PORT` and `port` are set last. */
  env?: Readonly<Record<string, string | number | boolean | undefined>>
  /** `false`: only `env` and PATH; a list: the names to inherit. @default true */
  extendEnv?: boolean | readonly string[]
  /** The folder it runs in; `null` is the host's own. */
  cwd?: string | URL | null
  /** `null` silences. @default console */
  logger?: Logger | null
  /** From spawn to ready. @default 30 */
  timeout?: Duration
  /** Tries per start before the child is faulted. @default 3 */
  attempts?: number
  /** From the stop signal to the kill. @default 30 */
  stopTimeout?: Duration
  /** The polite signal, before the kill. @default 'SIGTERM' */
  stopSignal?: NodeJS.Signals
  /** Who gets the stop signal. The kill is always the group's. @default 'group' for shells and package managers, else 'leader' */
  stopScope?: 'group' | 'leader'
  /** Files whose change restarts the child. @default the script in the short form, else null */
  monitor?: string | readonly string[] | MonitorOptions | null
  /** Where the child's stdout goes; `null` disables. @default process.stdout */
  stdout?: Writable | null
  /** Where the child's stderr goes; `null` disables. @default process.stderr */
  stderr?: Writable | null
  /** Without a touch or a lease for so long, it is stopped; `-1` or `null`: never. @default 1800 */
  idleTimeSec?: Duration | null
  /** Whether it stays when the spinner's `maxRunning` or `maxMemory` asks for room. It still is stopped when it is idle. @default false */
  warm?: boolean
  /** What to do when it ends and nobody asked. @default 'always' */
  restart?: 'always' | 'on-failure' | 'never'
  /** The window in which crashes are counted. @default 60 */
  restartTolerance?: Duration
  /** More crashes than this in the window make it faulted. @default 1 */
  maxRestarts?: number
  /** A faulted child refuses `start` for so long. @default 60 */
  faultTimeout?: Duration
  /** Whether a restart ends the old process before it starts the new one. @default 'stop-first' */
  restartOrder?: 'stop-first' | 'start-first'
  /** Where it shall listen; `null` for a child that does not. @default 'socket' */
  listen?: 'socket' | 'port' | number | Allocator | null
  /** When it counts as ready. @default 'listen', or 'spawn' when `listen` is null */
  ready?: Ready
  /** `'pipe'`: written through `child.stdin`. @default 'ignore' */
  stdin?: 'ignore' | 'pipe'
  /** An IPC channel: `child.send()` and the event `message`. @default false */
  ipc?: boolean
  /** The user it runs as. */
  uid?: number
  /** The group of users it runs as. */
  gid?: number
  /** Health checks, run while it is started. */
  checks?: readonly Check[]
  /** Upper bound for what plugins do when the child is ready, and again when it is drained. @default 30 */
  drainTimeout?: Duration
}

/** What `start` takes: the options of a child, and a signal that ends this caller's wait. */
export interface StartOptions extends ChildOptions {
  signal?: AbortSignal
}

/** What `stop`, `restart` and `acquire` take besides a name. */
export interface WaitOptions {
  /** Ends this caller's wait with the signal's reason, and nothing else. */
  signal?: AbortSignal
}

/** Defaults for every child, and what concerns the spinner itself. */
export interface SpinnerOptions extends Omit<ChildOptions, 'name' | 'script' | 'args'> {
  /** What takes part in the life of all children. @default [] */
  plugins?: readonly Plugin[]
  /** How many starts may be under way at once; one that takes longer than a second counts no more. @default the number of CPUs, at least 2 */
  concurrency?: number
  /** How many children may run at once; for one more, the one that was used longest ago and is not in use is stopped. @default null */
  maxRunning?: number | null
  /** So many bytes of memory may be in use by children when one more is started, by the same rule: a number, or a text such as `'2GB'`. Linux only. @default null */
  maxMemory?: number | string | null
  /** Where sockets and state are kept. @default a fresh folder that only this user can enter */
  runtimeDir?: string
  /** A stable identity: on Linux a new host ends what a dead one with the same left. Sockets lie in a folder of that name. One living host may have it. */
  id?: string
  /** What becomes of the children when the host ends. @default 'kill' */
  orphans?: 'kill' | 'leave'
  /** Whether each child gets a cgroup of its own, which nothing that it starts can leave: Linux, where it may make one (see [platforms](platforms.md)). A start takes some 10 ms longer. @default false */
  cgroup?: boolean
}

/** A child's options after validation: frozen, complete, durations in seconds, `null` for "off". */
export interface ChildSettings {
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
  /** The script that Node will run, when it is one. */
  readonly script: string | null
  readonly env: Readonly<Record<string, string | undefined>>
  readonly extendEnv: boolean | readonly string[]
  readonly cwd: string | null
  readonly logger: Logger | null
  readonly timeout: number
  readonly attempts: number
  readonly stopTimeout: number
  readonly stopSignal: NodeJS.Signals
  readonly stopScope: 'group' | 'leader'
  readonly monitor: MonitorSettings | null
  readonly stdout: Writable | null
  readonly stderr: Writable | null
  readonly idleTimeSec: number | null
  readonly warm: boolean
  readonly restart: 'always' | 'on-failure' | 'never'
  readonly restartTolerance: number
  readonly maxRestarts: number
  readonly faultTimeout: number
  readonly restartOrder: 'stop-first' | 'start-first'
  readonly listen: 'socket' | 'port' | number | Allocator | null
  readonly ready: Ready
  readonly stdin: 'ignore' | 'pipe'
  readonly ipc: boolean
  readonly uid: number | undefined
  readonly gid: number | undefined
  readonly checks: readonly Check[]
  readonly drainTimeout: number
}

/** `monitor` after validation. */
export interface MonitorSettings {
  readonly paths: readonly string[]
  readonly ignore: readonly (string | RegExp)[]
  /** Seconds. */
  readonly debounce: number
}

/** The spinner's own options after validation. */
export interface SpinnerSettings {
  /** The defaults for children, checked but not yet complete. */
  readonly defaults: Readonly<Record<string, unknown>>
  readonly plugins: readonly Plugin[]
  readonly concurrency: number | null
  readonly maxRunning: number | null
  readonly maxMemory: number | null
  readonly runtimeDir: string | null
  readonly id: string | null
  readonly orphans: 'kill' | 'leave'
  readonly cgroup: boolean
}
