import type { ChildProcess } from 'node:child_process'
import path from 'node:path'
import { codeOf, messageOf, SpinnerError } from '../../errors.ts'
import type { Sys } from '../../sys.ts'
import type { NginxSettings } from '../options.ts'

/** How a command ended, and what it said. */
export interface CommandResult {
  readonly code: number | null
  readonly text: string
}

/** Debian has nginx in a folder that is not on every user's PATH. */
const MORE_FOLDERS = ['/usr/sbin', '/usr/local/sbin', '/sbin']
const MOST_TEXT = 256 * 1024

/** Runs a command to its end, without a shell. Throws where it cannot be run, or takes longer than `seconds`. */
export async function runCommand(
  sys: Sys,
  command: readonly string[],
  seconds: number,
): Promise<CommandResult> {
  const failed = (why: string, cause?: unknown): SpinnerError =>
    new SpinnerError('ERR_SPINNER_SPAWN', `'${command.join(' ')}' ${why}.`, { cause })
  try {
    const [program = '', ...args] = command
    const stdio = ['ignore', 'pipe', 'pipe'] as const
    const child = sys.spawn(program, args, { env: environment(sys), stdio: [...stdio], shell: false })
    return await ended(sys, child, seconds, () => failed(`took longer than ${seconds} s, and was ended`))
  } catch (thrown) {
    throw thrown instanceof SpinnerError ? thrown : failed(whyNot(thrown), thrown)
  }
}

function ended(sys: Sys, child: ChildProcess, seconds: number, late: () => Error): Promise<CommandResult> {
  const text = collect(child)
  return new Promise<CommandResult>((resolve, reject) => {
    const timer = sys.clock.setTimeout(() => {
      child.kill('SIGKILL')
      // What it left behind may hold the pipes.
      child.stdout?.destroy()
      child.stderr?.destroy()
      reject(late())
    }, seconds * 1_000)
    const done = (settle: () => void): void => {
      sys.clock.clearTimeout(timer)
      settle()
    }
    child.once('error', (error) => done(() => reject(error)))
    child.once('close', (code) => done(() => resolve({ code, text: text() })))
  })
}

/** No nginx is there, or none runs. It will read the files when it begins. */
export class NginxNotRunning extends SpinnerError {}

/** Runs the program of nginx itself. */
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
    throw new NginxNotRunning(thrown.code, `${thrown.message} Install nginx, or give \`command\`.`, {
      cause: thrown.cause,
    })
  }
}

const whyNot = (thrown: unknown): string =>
  codeOf(thrown) === 'ENOENT'
    ? 'is not installed, or not on PATH'
    : `could not be run (${codeOf(thrown) ?? messageOf(thrown)})`

function environment({ env }: Sys): NodeJS.ProcessEnv {
  // An nginx takes what this names for the sockets of the one before it.
  const { NGINX: _sockets, ...rest } = env
  return { ...rest, PATH: [env['PATH'] ?? '', ...MORE_FOLDERS].join(path.delimiter) }
}

function collect({ stdout, stderr }: ChildProcess): () => string {
  let text = ''
  for (const stream of [stdout, stderr]) {
    stream?.setEncoding('utf8')
    stream?.on('error', () => {})
    stream?.on('data', (part: string) => {
      text = (text + part).slice(0, MOST_TEXT)
    })
  }
  return () => text
}
