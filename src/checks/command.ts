import { endingOf, firstLineOf, messageOf, SpinnerError } from '../errors.ts'
import { environment, string, stringList } from '../options/parsers.ts'
import { type OptionSpec, option, readWithDefaults, required } from '../options/read.ts'
import type { ManagedProcess } from '../process/managed-process.ts'
import { withTimeout } from '../promises.ts'
import type { Child } from '../types/child.ts'
import type { ChildSettings, Duration } from '../types/options.ts'
import type { Check } from '../types/plugin.ts'
import { accessOf } from './access.ts'
import { type PaceOptions, paceOptions, type SettingsOf, secondsOption } from './options.ts'
import { Inconclusive } from './verdict.ts'

/** Options of {@link command}. */
export interface CommandOptions extends PaceOptions {
  /** Program to run, without a shell. */
  command: string
  /** Arguments of the program. @default [] */
  args?: readonly string[]
  /** Environment variables, merged over the environment of the child; `undefined` removes a variable. `PORT` and `port` have the values of the child. @default {} */
  env?: Readonly<Record<string, string | number | boolean | undefined>>
  /** Maximum time for the program. After that it is killed and the run has failed. @default 10 */
  timeout?: Duration
  /** Number of consecutive failures that make the child unhealthy. @default 3 */
  retries?: number
  /** Time from the end of one run to the next. @default 30 */
  interval?: Duration
  /** Name of the check. @default 'command' */
  name?: string
}

type Settings = SettingsOf<CommandOptions>

const OPTIONS: Readonly<Record<keyof Settings, OptionSpec>> = {
  command: required(string, 'the name or path of a program'),
  args: option(stringList, 'an array of strings', Object.freeze([])),
  env: option(environment, 'an object of strings, numbers or booleans', Object.freeze({})),
  timeout: secondsOption(10),
  ...paceOptions(3, 30),
  name: option(string, 'a non-empty string', 'command'),
}

/** Maximum time to wait for the exit of a killed program. After that, the program ends at the latest with the child. */
const KILL_TIMEOUT_MS = 5_000

/**
 * Creates a check that runs a program in the child's working directory and environment, with the child's address in `PORT`.
 * The child is healthy if the program exits with 0. When the program exits, times out, or the child leaves the state `started`,
 * spinner kills all processes that the program has started. If the program cannot be run, the run does not count. Invalid
 * options throw an `ERR_SPINNER_INVALID_OPTION`.
 *
 * @example
 * import { createSpinner } from 'spinner'
 * import { command } from 'spinner/checks'
 *
 * const spinner = createSpinner({
 *   checks: [command({ command: 'sh', args: ['-c', 'test -S "$PORT"'], timeout: 2 })],
 * })
 * await spinner.close()
 */
export function command(options: CommandOptions): Check {
  const settings = readWithDefaults<Settings>(options, OPTIONS, { caller: 'command()' })
  const { interval, name, retries } = settings
  return { name, interval, retries, run: (child, signal) => run(child, settings, signal) }
}

async function run(child: Child, settings: Settings, signal: AbortSignal): Promise<void> {
  const access = accessOf(child)
  const { sys } = access.context
  const process = await access.spawnHelper(helperSettings(settings, access.settings), signal).catch(cannotRun)
  try {
    await withTimeout(sys.clock, settings.timeout, signal, () => process.ended)
    throwIfFailed(settings.command, process)
  } catch (thrown) {
    if (process.exit === null) await Promise.race([process.kill(), sys.pause(KILL_TIMEOUT_MS)])
    throw thrown
  } finally {
    // Kill the processes that the program started and left behind.
    void process.kill()
  }
}

/** Returns the settings of the child, with the program of the check in place of its own. */
const helperSettings = ({ args, command, env, name }: Settings, ofChild: ChildSettings): ChildSettings => ({
  ...ofChild,
  name: `${ofChild.name}: ${name}`,
  command,
  args,
  env: { ...ofChild.env, ...env },
  script: null,
  stdin: 'ignore',
  stdout: null,
  stderr: null,
  ipc: false,
})

function cannotRun(thrown: unknown): never {
  throw thrown instanceof SpinnerError
    ? new Inconclusive(firstLineOf(thrown).replace(/\.$/, ''))
    : new Inconclusive(messageOf(thrown))
}

/** Throws if the program failed, with the last line that it wrote to stderr. */
function throwIfFailed(command: string, { exit, stderrTail }: ManagedProcess): void {
  if (exit === null || exit.code === 0) return
  const last = stderrTail.findLast((line) => line.trim() !== '')
  throw new Error(`'${command}' ${endingOf(exit)}${last === undefined ? '' : `: ${last.trim()}`}`)
}
