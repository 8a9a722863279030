import type { ChildProcess } from 'node:child_process'
import path from 'node:path'
import { codeOf, messageOf, SpinnerError } from '../../errors.ts'
import type { Sys } from '../../sys.ts'
import type { NginxSettings } from '../options.ts'

/** Exit code of a command, and its output on stdout and stderr. */
export interface CommandResult {
  readonly code: number | null
  readonly text: string
}

/** Directories added to PATH. Debian installs nginx in one that is not on the PATH of every user. */
const MORE_DIRECTORIES = ['/usr/sbin', '/usr/local/sbin', '/sbin']
const MAX_TEXT = 256 * 1024

/** Runs a command to its end, without a shell. Throws if it cannot be run, or takes longer than `seconds`. */
export async function runCommand(
  sys: Sys,
  command: readonly string[],
  seconds: number,
): Promise<CommandResult> {
  const failure = (why: string, cause?: unknown): SpinnerError =>
    new SpinnerError('ERR_SPINNER_SPAWN', `'${command.join(' ')}' ${why}.`, { cause })
  try {
    const [program = '', ...args] = command
    const stdio = ['ignore', 'pipe', 'pipe'] as const
    const child = sys.spawn(program, args, { env: environment(sys), stdio: [...stdio], shell: false })
    return await resultOf(sys, child, seconds, () => failure(`took longer than ${seconds} s, and was killed`))
  } catch (thrown) {
    throw thrown instanceof SpinnerError ? thrown : failure(describeSpawnError(thrown), thrown)
  }
}

function resultOf(
  sys: Sys,
  child: ChildProcess,
  seconds: number,
  timeoutError: () => Error,
): Promise<CommandResult> {
  const text = collectOutput(child)
  return new Promise<CommandResult>((resolve, reject) => {
    const timer = sys.clock.setTimeout(() => {
      child.kill('SIGKILL')
      // Descendants of the command can still hold the pipes, so do not wait for `close`.
      child.stdout?.destroy()
      child.stderr?.destroy()
      reject(timeoutError())
    }, seconds * 1_000)
    const done = (settle: () => void): void => {
      sys.clock.clearTimeout(timer)
      settle()
    }
    child.once('error', (error) => done(() => reject(error)))
    child.once('close', (code) => done(() => resolve({ code, text: text() })))
  })
}

/** nginx is not installed or does not run. It reads its files when it starts, so nothing has to be tried again. */
export class NginxNotRunning extends SpinnerError {}

/** Runs the nginx program. Throws `NginxNotRunning` if it is not installed. */
export async function runNginx(
  sys: Sys,
  settings: NginxSettings,
  args: readonly string[],
): Promise<CommandResult> {
  const { command, timeout } = settings
  try {
    return await runCommand(sys, [...command, ...args], timeout)
  } catch (thrown) {
    if (!(thrown instanceof SpinnerError) || codeOf(thrown.cause) !== 'ENOENT') throw thrown
    throw new NginxNotRunning(thrown.code, `${thrown.message} Install nginx, or set \`command\`.`, {
      cause: thrown.cause,
    })
  }
}

const describeSpawnError = (thrown: unknown): string =>
  codeOf(thrown) === 'ENOENT'
    ? 'is not installed, or not on PATH'
    : `could not be run (${codeOf(thrown) ?? messageOf(thrown)})`

function environment({ env }: Sys): NodeJS.ProcessEnv {
  // nginx would take over the sockets that the variable NGINX names, as if it replaced an older nginx.
  const { NGINX: _sockets, ...rest } = env
  return { ...rest, PATH: [env['PATH'] ?? '', ...MORE_DIRECTORIES].join(path.delimiter) }
}

function collectOutput({ stdout, stderr }: ChildProcess): () => string {
  let text = ''
  for (const stream of [stdout, stderr]) {
    stream?.setEncoding('utf8')
    stream?.on('error', () => {})
    stream?.on('data', (part: string) => {
      text = (text + part).slice(0, MAX_TEXT)
    })
  }
  return () => text
}
