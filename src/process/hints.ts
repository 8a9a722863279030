import { codeOf, SpinnerError } from '../errors.ts'
import { explainFolder, locate } from '../options/missing.ts'
import type { Sys } from '../sys.ts'
import type { Address } from '../types/child.ts'
import type { ChildSettings } from '../types/options.ts'

/** What only a shell understands. */
const OF_SHELL = /["'`$&|;<>*?()=\\]/

/** A line as a shell takes it, where the program alone was wanted. */
export function withLineHint(sys: Sys, settings: ChildSettings, error: SpinnerError): SpinnerError {
  const { command, cwd } = settings
  const isMissing = codeOf(error.cause) === 'ENOENT' && explainFolder(sys, cwd) === null
  if (!isMissing || !/\S\s+\S/.test(command) || locate(sys, settings) !== null) return error
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
