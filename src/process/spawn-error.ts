import { codeOf, messageOf, SpinnerError } from '../errors.ts'
import { explainDirectory, findMissingScript, findProgram, notFound } from '../options/missing.ts'
import type { Sys } from '../sys.ts'
import type { Address } from '../types/child.ts'
import type { ChildSettings } from '../types/options.ts'

/**
 * Node names the program whatever is missing: the program, the folder or the interpreter of a script
 * (docs/hazards.md#h11). This looks which one it was.
 */
export function spawnError(sys: Sys, settings: ChildSettings, thrown: unknown): SpinnerError {
  const why = explain(sys, settings, codeOf(thrown)) ?? messageOf(thrown)
  const { name } = settings
  return new SpinnerError('ERR_SPINNER_SPAWN', `'${name}' could not be spawned: ${why}.`, {
    child: name,
    cause: thrown,
  })
}

/** What would make Node itself fail to find or read the script, before it is spawned for nothing. */
export function scriptError(sys: Sys, settings: ChildSettings): SpinnerError | null {
  const lack = settings.script === null ? null : findMissingScript(sys, settings, settings.script)
  if (lack === null) return null
  const { name } = settings
  return new SpinnerError('ERR_SPINNER_SPAWN', `'${name}' could not be spawned: ${lack.why}.`, {
    child: name,
  })
}

function explain(sys: Sys, settings: ChildSettings, code: string | undefined): string | null {
  const { command, cwd } = settings
  const wrongFolder = explainDirectory(sys, cwd)
  if (wrongFolder) return wrongFolder
  if (code === 'E2BIG')
    return 'its arguments and environment are larger than the system takes; make `env` or `args` smaller'
  const program = findProgram(sys, settings)
  if (code === 'ENOENT') return program ? explainShebang(sys, program) : notFound(command)
  if (code === 'EACCES')
    return program
      ? `'${program}' may not be executed; it must be a program with an executable mode`
      : notFound(command)
  // Node's own codes say less than their messages do.
  return code && !code.startsWith('ERR_') ? `the system refused it (${code})` : null
}

function explainShebang(sys: Sys, program: string): string {
  try {
    const first = sys.fs.readFileSync(program, 'latin1').slice(0, 256).split('\n', 1)[0] ?? ''
    if (!first.startsWith('#!')) return `'${program}' exists, but what it needs to run does not`
    if (first.endsWith('\r'))
      return `'${program}' has Windows line ends (CRLF) after its '#!' line; save it with LF`
    return `the interpreter of '${program}' does not exist: ${first}`
  } catch {
    return `'${program}' cannot be read`
  }
}

/** What only a shell understands. */
const OF_SHELL = /["'`$&|;<>*?()=\\]/

/** A line as a shell takes it, where the program alone was wanted. */
export function withLineHint(sys: Sys, settings: ChildSettings, error: SpinnerError): SpinnerError {
  const { command, cwd } = settings
  const isMissing = codeOf(error.cause) === 'ENOENT' && explainDirectory(sys, cwd) === null
  if (!isMissing || !/\S\s+\S/.test(command) || findProgram(sys, settings) !== null) return error
  const [program, ...args] = OF_SHELL.test(command) ? ['sh', '-c', command] : command.trim().split(/\s+/)
  const meant = `command: ${quote(program)}, args: [${args.map(quote).join(', ')}]`
  const { cause, child = '' } = error
  const message = `${error.message} \`command\` takes a program without its arguments: ${meant}.`
  return new SpinnerError(error.code, message, { child, cause })
}

/** As Node and what is built on it refuse a port. */
const BAD_PORT = /ERR_SOCKET_BAD_PORT|port should be >= 0 and < 65536/i

/** The program made a number of the path that it was given. */
export function pathHint(address: Address | null, output: readonly string[]): string {
  if (typeof address !== 'string' || !output.some((line) => BAD_PORT.test(line))) return ''
  return "Its PORT is the path of a socket and no number: let it listen on that as it is, or give it `listen: 'port'`."
}

const quote = (text = ''): string => `'${text.replace(/['\\]/g, String.raw`\$&`)}'`
