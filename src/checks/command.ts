import { endingOf, firstLineOf, messageOf, SpinnerError } from '../errors.ts'
import { environment, string, stringList } from '../options/parsers.ts'
import { type OptionSpec, option, readWithDefaults, required } from '../options/read.ts'
import type { ManagedProcess } from '../process/managed-process.ts'
import { withTimeout } from '../promises.ts'
import type { Child } from '../types/child.ts'
import type { ChildSettings, Duration } from '../types/options.ts'
import type { Check } from '../types/plugin.ts'
import { accessOf } from './access.ts'
import { type PaceOptions, paceOptions, secondsOption } from './options.ts'
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

interface Settings {
  readonly command: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
  readonly timeout: number
  readonly retries: number
  readonly interval: number
  readonly name: string
}

const ROWS: Readonly<Record<keyof Settings, OptionSpec>> = {
  command: required(string, 'the name or path of a program'),
  args: option(stringList, 'an array of texts', Object.freeze([])),
  env: option(environment, 'an object of texts, numbers or booleans', Object.freeze({})),
  timeout: secondsOption(10),
  ...paceOptions(3, 30),
  name: option(string, 'a text that is not empty', 'command'),
}

/** Milliseconds to wait for the killed program to exit. After that, only the end of the child ends it. */
const KILL_MS = 5_000

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
  const settings = readWithDefaults<Settings>(options, ROWS, { caller: 'command()' })
  const { interval, name, retries } = settings
  return { name, interval, retries, run: (child, signal) => run(child, settings, signal) }
}

async function run(child: Child, settings: Settings, signal: AbortSignal): Promise<void> {
  const access = accessOf(child)
  const { sys } = access.context
  const process = await access.spawnHelper(lineOf(settings, access.settings), signal).catch(cannotRun)
  try {
    await withTimeout(sys.clock, settings.timeout, signal, () => process.ended)
    judge(settings.command, process)
  } catch (thrown) {
    if (process.exit === null) await Promise.race([process.kill(), sys.pause(KILL_MS)])
    throw thrown
  } finally {
    // It may have left something running behind itself.
    void process.kill()
  }
}

/** As the child would be spawned, but for the program. */
const lineOf = ({ args, command, env, name }: Settings, inForce: ChildSettings): ChildSettings => ({
  ...inForce,
  name: `${inForce.name}: ${name}`,
  command,
  args,
  env: { ...inForce.env, ...env },
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

function judge(command: string, { exit, stderrTail: lastWords }: ManagedProcess): void {
  if (exit === null || exit.code === 0) return
  const last = lastWords.findLast((line) => line.trim() !== '')
  throw new Error(`'${command}' ${endingOf(exit)}${last === undefined ? '' : `: ${last.trim()}`}`)
}
