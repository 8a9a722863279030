import { endingOf, headOf, messageOf, SpinnerError } from '../errors.ts'
import { environment, text, textList } from '../options/parsers.ts'
import { type Row, readWithDefaults, required, row } from '../options/read.ts'
import type { ManagedProcess } from '../process/managed-process.ts'
import type { Child } from '../types/child.ts'
import type { ChildSettings, Duration } from '../types/options.ts'
import type { Check } from '../types/plugin.ts'
import { accessOf } from './access.ts'
import { type PaceOptions, paceRows, secondsRow } from './options.ts'
import { within } from './time-limit.ts'
import { Untold } from './verdict.ts'

/** What {@link command} takes. */
export interface CommandOptions extends PaceOptions {
  /** The program; no shell reads it. */
  command: string
  /** @default [] */
  args?: readonly string[]
  /** Merged over the environment of the child; `undefined` removes a variable. `PORT` and `port` are the child's. @default {} */
  env?: Readonly<Record<string, string | number | boolean | undefined>>
  /** It is killed, and has failed, when it takes longer. @default 10 */
  timeout?: Duration
  /** @default 3 */
  retries?: number
  /** @default 30 */
  interval?: Duration
  /** @default 'command' */
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

const ROWS: Readonly<Record<keyof Settings, Row>> = {
  command: required(text, 'the name or path of a program'),
  args: row(textList, 'an array of texts', Object.freeze([])),
  env: row(environment, 'an object of texts, numbers or booleans', Object.freeze({})),
  timeout: secondsRow(10),
  ...paceRows(3, 30),
  name: row(text, 'a text that is not empty', 'command'),
}

/** What survives its kill for so long is left to whoever ends the child. */
const KILL_MS = 5_000

/**
 * Runs a program, in the child's folder and environment, and with its address in `PORT`. The child is well when that exits
 * with 0. Whatever it has started is killed when it ends, takes too long, or the child is not started any more. One that
 * cannot be run is no verdict. Wrong options are an `ERR_SPINNER_INVALID_OPTION`.
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
  const settings = readWithDefaults<Settings>(options, ROWS, { by: 'command()' })
  const { interval, name, retries } = settings
  return { name, interval, retries, run: (child, signal) => run(child, settings, signal) }
}

async function run(child: Child, settings: Settings, signal: AbortSignal): Promise<void> {
  const access = accessOf(child)
  const { sys } = access.context
  const process = await access.spawnHelper(lineOf(settings, access.settings), signal).catch(cannotRun)
  try {
    await within(sys.clock, settings.timeout, signal, () => process.ended)
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
    ? new Untold(headOf(thrown).replace(/\.$/, ''))
    : new Untold(messageOf(thrown))
}

function judge(command: string, { exit, lastWords }: ManagedProcess): void {
  if (exit === null || exit.code === 0) return
  const last = lastWords.findLast((line) => line.trim() !== '')
  throw new Error(`'${command}' ${endingOf(exit)}${last === undefined ? '' : `: ${last.trim()}`}`)
}
