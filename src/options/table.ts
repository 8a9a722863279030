import type { ChildSettings, SpinnerSettings } from '../types/options.ts'
import { explainScript, explainStrings, explainVariables } from './explain.ts'
import * as values from './parsers.ts'
import { type OptionSpec, type OptionSpecs, option, SECONDS } from './read.ts'
import { EXPECTED_READINESS, explainReadiness, readiness } from './readiness.ts'

/** The options of a child. `normalise.ts` completes those whose default depends on other options. */
export const CHILD_OPTIONS: OptionSpecs<ChildSettings> = {
  name: option(values.string, 'a non-empty string'),
  script: { ...option(values.script, 'the path of a script'), explain: explainScript },
  command: option(values.string, 'the name or path of a program', process.execPath),
  args: { ...option(values.stringList, 'an array of strings', []), explain: explainStrings },
  env: {
    ...option(values.environment, 'an object of strings, numbers or booleans', {}),
    explain: explainVariables,
  },
  extendEnv: {
    ...option(values.inheritance, 'true, false or an array of names', true),
    explain: explainStrings,
  },
  cwd: option(values.orNull(values.directory), 'the path of a directory, a file: URL, or null', null),
  logger: option(
    values.orNull(values.loggerLike),
    'an object with info, warn, error and debug, or null',
    console,
  ),
  timeout: option(values.seconds(0.001), `more than 0 ${SECONDS}`, 30),
  attempts: option(values.integerFrom(1), 'an integer >= 1', 3),
  stopTimeout: option(values.seconds(0), SECONDS, 30),
  stopSignal: {
    ...option(values.signalName, "the name of a signal, such as 'SIGTERM'", 'SIGTERM'),
    suggest: values.nearestSignal,
  },
  stopScope: option(values.oneOf('group', 'leader'), "'group' or 'leader'"),
  monitor: option(
    values.orNull(values.monitor),
    'a path, an array of paths, { paths, ignore, debounce }, or null',
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
  maxRestarts: option(values.integerFrom(0), 'an integer >= 0', 1),
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
  ready: { ...option(readiness, EXPECTED_READINESS), explain: explainReadiness },
  stdin: option(values.oneOf('ignore', 'pipe'), "'ignore' or 'pipe'", 'ignore'),
  ipc: option(values.boolean, 'true or false', false),
  uid: option(values.integerFrom(0), 'a user id: an integer >= 0'),
  gid: option(values.integerFrom(0), 'a group id: an integer >= 0'),
  checks: option(values.checkList, 'an array of { name, interval, retries, run } with different names', []),
  drainTimeout: option(values.seconds(0), SECONDS, 30),
}

/** The options of the spinner itself. */
export const OWN_OPTIONS: OptionSpecs<Omit<SpinnerSettings, 'defaults'>> = {
  plugins: option(
    values.listOf(values.pluginLike),
    'an array of { name, setup, ready, drain, gone, close }',
    [],
  ),
  id: option(values.string, 'a non-empty string', null),
  runtimeDir: option(values.string, 'the path of a directory', null),
  concurrency: option(values.integerFrom(1), 'an integer >= 1', null),
  maxRunning: option(values.orNull(values.integerFrom(1)), 'an integer >= 1, or null', null),
  maxMemory: option(
    values.orNull(values.bytes(1)),
    "a number of bytes, or a string such as '2GB'; null for no limit",
    null,
  ),
  orphans: option(values.oneOf('kill', 'leave'), "'kill' or 'leave'", 'kill'),
  cgroup: option(values.boolean, 'true or false', false),
}

const { name: _name, script: _script, args: _args, ...DEFAULTABLE_OPTIONS } = CHILD_OPTIONS

/** The options of `createSpinner`: its own, and those of a child that can be defaults. */
export const SPINNER_OPTIONS: OptionSpecs<
  Omit<ChildSettings, 'name' | 'script' | 'args'> & Omit<SpinnerSettings, 'defaults'>
> = { ...DEFAULTABLE_OPTIONS, ...OWN_OPTIONS }

const signal: OptionSpec<AbortSignal> = option(
  (value) => (value instanceof AbortSignal ? value : values.INVALID),
  'an AbortSignal',
)

/** The options of `stop` and `restart`. */
export const WAIT_OPTIONS: OptionSpecs<{ signal: AbortSignal }> = { signal }

/** The options of `start`: those of the child, and the signal of the caller. */
export const CALL_OPTIONS: OptionSpecs<ChildSettings & { signal: AbortSignal }> = {
  ...CHILD_OPTIONS,
  signal,
}

/** The options of `watch`. */
export const WATCH_OPTIONS: OptionSpecs<Pick<ChildSettings, 'monitor' | 'cwd'>> = {
  monitor: { ...CHILD_OPTIONS.monitor, isRequired: true },
  cwd: CHILD_OPTIONS.cwd,
}
