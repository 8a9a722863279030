import path from 'node:path'
import type { ChildSettings, MonitorSettings, SpinnerSettings, WaitOptions } from '../types/options.ts'
import { inReadiness, inScript, inTexts, inVariables } from './explain.ts'
import * as values from './parsers.ts'
import { INVALID, type Parser, show } from './parsers.ts'
import {
  defaultOf,
  invalid,
  type OptionSpec,
  type OptionSpecs,
  option,
  readOptions,
  SECONDS,
} from './read.ts'
import { defaultStopScope } from './stop-scope.ts'

/** Every option of a child: how it is read, what a message says of it, and its default. */
export const CHILD_OPTIONS: OptionSpecs = {
  name: option(values.string, 'a text that is not empty'),
  script: { ...option(values.script, 'the path of a program for Node'), part: inScript },
  command: option(values.string, 'the name or path of a program', process.execPath),
  args: { ...option(values.stringList, 'an array of texts', []), part: inTexts },
  env: { ...option(values.environment, 'an object of texts, numbers or booleans', {}), part: inVariables },
  extendEnv: { ...option(values.inheritance, 'true, false or an array of names', true), part: inTexts },
  cwd: option(values.orNull(values.directory), 'the path of a folder, a file: URL, or null', null),
  logger: option(
    values.orNull(values.loggerLike),
    'an object with info, warn, error and debug, or null',
    console,
  ),
  timeout: option(values.seconds(0.001), `more than 0 ${SECONDS}`, 30),
  attempts: option(values.integerFrom(1), 'a whole number from 1', 3),
  stopTimeout: option(values.seconds(0), SECONDS, 30),
  stopSignal: {
    ...option(values.signalName, "the name of a signal, such as 'SIGTERM'", 'SIGTERM'),
    meant: values.nearestSignal,
  },
  stopScope: option(values.oneOf('group', 'leader'), "'group' or 'leader'"),
  monitor: option(
    values.orNull(values.monitor),
    'a path, a list of paths, { paths, ignore, debounce }, or null',
    null,
  ),
  stdout: option(values.orNull(values.stream), 'a writable stream, or null', () => process.stdout),
  stderr: option(values.orNull(values.stream), 'a writable stream, or null', () => process.stderr),
  idleTimeSec: option(values.secondsOrOff, `${SECONDS}; -1 or null for never`, 1800),
  warm: option(values.boolean, 'true or false', false),
  restart: option(
    values.oneOf('always', 'on-failure', 'never'),
    "'always', 'on-failure' or 'never'",
    'always',
  ),
  restartTolerance: option(values.seconds(0), SECONDS, 60),
  maxRestarts: option(values.integerFrom(0), 'a whole number from 0', 1),
  faultTimeout: option(values.seconds(0), SECONDS, 60),
  restartOrder: option(
    values.oneOf('stop-first', 'start-first'),
    "'stop-first' or 'start-first'",
    'stop-first',
  ),
  listen: option(
    values.whereToListen,
    "'socket', 'port', a port number from 1 to 65535, { allocate, release }, or null",
    'socket',
  ),
  ready: {
    ...option(
      values.readiness,
      "'listen', 'spawn', 'message', { http: '/path' }, { output: /pattern/ } or a function",
    ),
    part: inReadiness,
  },
  stdin: option(values.oneOf('ignore', 'pipe'), "'ignore' or 'pipe'", 'ignore'),
  ipc: option(values.boolean, 'true or false', false),
  uid: option(values.integerFrom(0), 'a user id, a whole number from 0'),
  gid: option(values.integerFrom(0), 'a group id, a whole number from 0'),
  checks: option(
    values.checkList,
    'an array of { name, interval, retries, run }, each with another name',
    [],
  ),
  drainTimeout: option(values.seconds(0), SECONDS, 30),
}

/** What concerns a spinner itself. */
export const OWN_OPTIONS: OptionSpecs = {
  plugins: option(
    values.listOf(values.pluginLike),
    'an array of { name, setup, ready, drain, gone, close }',
    [],
  ),
  concurrency: option(values.integerFrom(1), 'a whole number from 1', null),
  maxRunning: option(values.orNull(values.integerFrom(1)), 'a whole number from 1, or null', null),
  maxMemory: option(
    values.orNull(values.bytes(1)),
    "bytes as a number, or a text such as '2GB'; null for no limit",
    null,
  ),
  runtimeDir: option(values.string, 'the path of a folder', null),
  id: option(values.string, 'a text that is not empty', null),
  orphans: option(values.oneOf('kill', 'leave'), "'kill' or 'leave'", 'kill'),
  cgroup: option(values.boolean, 'true or false', false),
}

const { name: _name, script: _script, args: _args, ...SHARED_OPTIONS } = CHILD_OPTIONS

/** A caller's signal is no option of the child, but it travels with them. */
const isSignal: Parser = (value) => (value instanceof AbortSignal ? value : INVALID)
const CALL_OPTIONS: OptionSpecs = {
  ...CHILD_OPTIONS,
  signal: option(isSignal, 'an AbortSignal'),
}

const WAIT_OPTIONS: OptionSpecs = { signal: option(isSignal, 'an AbortSignal') }

/** What others call `listen`. */
const PORT = '`port` is not an option; where a child listens is said by `listen`, such as `listen: 3000`'

const elsewhere =
  (rows: OptionSpecs, where: string) =>
  (key: string): string | undefined => {
    if (key === 'port') return PORT
    return Object.hasOwn(rows, key) ? `\`${key}\` belongs to ${where}` : undefined
  }

const belongsToChild = elsewhere(CALL_OPTIONS, 'one child, not to createSpinner()')
const belongsToSpinner = elsewhere(OWN_OPTIONS, 'createSpinner(), not to one child')

/** Reads what was given to `createSpinner`. */
export function normaliseSpinner(given: unknown): SpinnerSettings {
  const parsed = readOptions(given, { ...SHARED_OPTIONS, ...OWN_OPTIONS }, { elsewhere: belongsToChild })
  const own: Record<string, unknown> = {}
  for (const [key, { default: fallback }] of Object.entries(OWN_OPTIONS)) {
    own[key] = parsed[key] ?? fallback
    delete parsed[key]
  }
  return Object.freeze({ ...own, defaults: Object.freeze(parsed) }) as unknown as SpinnerSettings
}

/** What one `start` call gave: the child's options as far as given, its name, and the caller's signal. */
export interface Call {
  readonly name: string
  readonly given: Readonly<Record<string, unknown>>
  readonly signal: AbortSignal | undefined
}

/** Reads what was given to `start` or `acquire`. */
export function readCall(given: unknown): Call {
  const options = typeof given === 'string' || values.isFileUrl(given) ? { script: given } : given
  const { signal, ...rest } = readOptions(options, CALL_OPTIONS, { elsewhere: belongsToSpinner })
  const name = rest['name'] ?? rest['script']
  if (typeof name !== 'string')
    throw invalid(['`name` is missing: give the child a `name`, or a `script` that becomes its name'])
  return { name, given: rest, signal: signal as AbortSignal | undefined }
}

/** Reads what `stop`, `restart` and `acquire` take besides a name. */
export function readWait(given: unknown): WaitOptions {
  return given === undefined
    ? {}
    : (readOptions(given, WAIT_OPTIONS, { elsewhere: belongsToChild }) as WaitOptions)
}

const WATCH_OPTIONS: OptionSpecs = {
  monitor: { ...(CHILD_OPTIONS['monitor'] as OptionSpec), isRequired: true },
  cwd: CHILD_OPTIONS['cwd'] as OptionSpec,
}

/** Reads what `watch` takes. */
export function readWatch(given: unknown): { settings: MonitorSettings; cwd: string } {
  const { cwd, ...monitor } = (given ?? {}) as { cwd?: unknown }
  const read = readOptions({ monitor, cwd }, WATCH_OPTIONS, { by: 'watch()' })
  return { settings: read['monitor'] as MonitorSettings, cwd: (read['cwd'] as string | null) ?? '.' }
}

/** What was meant as options would otherwise be lost without a word. */
export function assertCallback(given: unknown): void {
  if (typeof given === 'function') return
  throw invalid([
    `the second argument of start() must be a callback, but it is ${show(given)}; options go into the first: start({ script, … })`,
  ])
}

/** Whether a call says more than which child it means. */
export const hasOnlyName = (call: Call): boolean => Object.keys(call.given).every((key) => key === 'name')

/** Fills in the defaults, the spinner's before the library's. */
export function completeSettings(call: Call, defaults: Readonly<Record<string, unknown>>): ChildSettings {
  const merged = { ...defaults, ...call.given }
  const settings: Record<string, unknown> = {}
  for (const [key, known] of Object.entries(CHILD_OPTIONS))
    settings[key] = merged[key] ?? fallbackOf(merged, key, known)
  settings['name'] = call.name
  const { script } = call.given as { script?: string }
  settings['script'] = script ?? null
  settings['env'] = environmentOf(defaults['env'], call.given['env'])
  if (script !== undefined) {
    settings['args'] = Object.freeze([script, ...(settings['args'] as readonly string[])])
    if (!Object.hasOwn(merged, 'monitor')) settings['monitor'] = values.monitor(withExtension(script))
  }
  settings['stopScope'] ??= defaultStopScope(settings['command'] as string)
  settings['ready'] ??= settings['listen'] === null ? 'spawn' : 'listen'
  settings['ipc'] = settings['ipc'] === true || settings['ready'] === 'message'
  const frozen = Object.freeze(settings) as unknown as ChildSettings
  contradictions(frozen)
  return frozen
}

type Variables = Readonly<Record<string, string | undefined>>

/** Most children have none of their own, and share this. Without a prototype, since a variable may be called `__proto__`. */
const NO_VARIABLES: Variables = Object.freeze(Object.create(null))

const environmentOf = (...given: unknown[]): Variables =>
  given.every((each) => each === undefined)
    ? NO_VARIABLES
    : Object.freeze(Object.assign(Object.create(null), ...given))

function fallbackOf(merged: Readonly<Record<string, unknown>>, key: string, known: OptionSpec): unknown {
  return merged[key] === null ? null : defaultOf(known)
}

const withExtension = (script: string): string => (path.extname(script) === '' ? `${script}.js` : script)

function contradictions(settings: ChildSettings): void {
  const { listen, ready, restartOrder, uid } = settings
  const needsAddress = ready === 'listen' || (typeof ready === 'object' && 'http' in ready)
  if (listen === null && needsAddress) {
    throw invalid([
      `\`ready\` ${show(ready)} needs an address, but \`listen\` is null; use 'spawn', 'message', { output } or a function`,
    ])
  }
  if (listen === 'socket' && uid !== undefined && uid !== process.getuid?.()) {
    throw invalid([
      "a child with a `uid` of its own cannot make a socket in the folder of the host; give it `listen: 'port'`, or an allocator with a folder that it may write to",
    ])
  }
  if (restartOrder === 'start-first' && (listen !== 'socket' || process.platform === 'win32')) {
    throw invalid([
      `\`restartOrder\` 'start-first' needs \`listen: 'socket'\` and a system with unix sockets, but \`listen\` is ${show(listen)}; use 'stop-first', the default`,
    ])
  }
}
