import path from 'node:path'
import type { ChildSettings, MonitorSettings, SpinnerSettings, WaitOptions } from '../types/options.ts'
import * as values from './parsers.ts'
import { show } from './parsers.ts'
import { invalid, readOptions, withDefaults } from './read.ts'
import { defaultReadiness, READINESS, readinessKind, WITHOUT_ADDRESS } from './readiness.ts'
import { defaultStopScope } from './stop-scope.ts'
import {
  CALL_OPTIONS,
  CHILD_OPTIONS,
  OWN_OPTIONS,
  SPINNER_OPTIONS,
  WAIT_OPTIONS,
  WATCH_OPTIONS,
} from './table.ts'

/** Other libraries call the option `port`. */
const PORT = '`port` is not an option; set the address with `listen`, such as `listen: 3000`'

const belongsTo =
  (specs: object, where: string) =>
  (key: string): string | undefined => {
    if (key === 'port') return PORT
    return Object.hasOwn(specs, key) ? `\`${key}\` is an option of ${where}` : undefined
  }

const belongsToChild = belongsTo(CALL_OPTIONS, 'one child, not of createSpinner()')
const belongsToSpinner = belongsTo(OWN_OPTIONS, 'createSpinner(), not of one child')

/** Reads the options of `createSpinner`. */
export function normaliseSpinner(given: unknown): SpinnerSettings {
  const parsed = readOptions(given, SPINNER_OPTIONS, { belongsTo: belongsToChild })
  const isOwn = ([key]: [string, unknown]): boolean => Object.hasOwn(OWN_OPTIONS, key)
  const defaults = Object.fromEntries(Object.entries(parsed).filter((entry) => !isOwn(entry)))
  return Object.freeze({ ...withDefaults(OWN_OPTIONS, parsed), defaults: Object.freeze(defaults) })
}

/** A validated call of `start`: the given options of the child, its name, and the signal of the caller. */
export interface StartCall {
  readonly name: string
  readonly given: Readonly<Partial<ChildSettings>>
  readonly signal: AbortSignal | undefined
}

/** Reads the options of `start` or `acquire`. */
export function readCall(given: unknown): StartCall {
  const options = typeof given === 'string' || values.isFileUrl(given) ? { script: given } : given
  const { signal, ...rest } = readOptions(options, CALL_OPTIONS, { belongsTo: belongsToSpinner })
  const name = rest.name ?? rest.script
  if (typeof name !== 'string')
    throw invalid(['`name` is missing: pass a `name`, or a `script`, which becomes the name'])
  return { name, given: rest, signal }
}

/** Reads the options that `stop`, `restart` and `acquire` take in addition to a name. */
export function readWait(given: unknown): WaitOptions {
  return given === undefined ? {} : readOptions(given, WAIT_OPTIONS, { belongsTo: belongsToChild })
}

/** Reads the options of `watch`. */
export function readWatch(given: unknown): { settings: MonitorSettings; cwd: string } {
  const { cwd, ...monitor } = (given ?? {}) as { cwd?: unknown }
  const read = readOptions({ monitor, cwd }, WATCH_OPTIONS, { caller: 'watch()' })
  return { settings: read.monitor as MonitorSettings, cwd: read.cwd ?? '.' }
}

/** Rejects options in the place of a callback, which would have no effect there. */
export function assertCallback(given: unknown): void {
  if (typeof given === 'function') return
  throw invalid([
    `the second argument of start() must be a callback, but it is ${show(given)}; pass options as the first: start({ script, … })`,
  ])
}

/** Returns true if a call names a child and gives no options for it. */
export const hasOnlyName = (call: StartCall): boolean =>
  Object.keys(call.given).every((key) => key === 'name')

/** Completes the options of a call with the defaults of the spinner, and then with those of the library. */
export function completeSettings(
  call: StartCall,
  defaults: Readonly<Record<string, unknown>>,
): ChildSettings {
  const inherited: Readonly<Partial<ChildSettings>> = defaults
  const given = { ...inherited, ...call.given }
  const settings: Writable<ChildSettings> = withDefaults(CHILD_OPTIONS, given)
  const { script = null } = call.given
  settings.name = call.name
  settings.script = script
  settings.env = environmentOf(inherited.env, call.given.env)
  if (script !== null) {
    settings.args = Object.freeze([script, ...settings.args])
    if (!Object.hasOwn(given, 'monitor'))
      settings.monitor = values.monitor(withExtension(script)) as MonitorSettings
  }
  settings.stopScope ??= defaultStopScope(settings.command)
  settings.ready ??= defaultReadiness(settings.listen)
  settings.ipc ||= READINESS[readinessKind(settings.ready)].needsIpc ?? false
  assertCompatible(settings)
  return Object.freeze(settings)
}

type Writable<Settings> = { -readonly [Option in keyof Settings]: Settings[Option] }
type Variables = ChildSettings['env']

/** Shared by all children without variables, which are most. No prototype: a variable may be called `__proto__`. */
const NO_VARIABLES: Variables = Object.freeze(Object.create(null))

const environmentOf = (...given: (Variables | undefined)[]): Variables =>
  given.every((each) => each === undefined)
    ? NO_VARIABLES
    : Object.freeze(Object.assign(Object.create(null), ...given))

const withExtension = (script: string): string => (path.extname(script) === '' ? `${script}.js` : script)

/** Rejects options that are valid each but cannot work together. */
function assertCompatible({ listen, ready, restartOrder, uid }: ChildSettings): void {
  if (listen === null && READINESS[readinessKind(ready)].needsAddress) {
    throw invalid([
      `\`ready\` ${show(ready)} needs an address, but \`listen\` is null; use ${WITHOUT_ADDRESS}`,
    ])
  }
  if (listen === 'socket' && uid !== undefined && uid !== process.getuid?.()) {
    throw invalid([
      "a child with another `uid` cannot create a socket in the directory of the host; use `listen: 'port'`, or an allocator with a directory that the child can write to",
    ])
  }
  if (restartOrder === 'start-first' && (listen !== 'socket' || process.platform === 'win32')) {
    throw invalid([
      `\`restartOrder\` 'start-first' needs \`listen: 'socket'\` and a system with unix sockets, but \`listen\` is ${show(listen)}; use 'stop-first' (the default)`,
    ])
  }
}
