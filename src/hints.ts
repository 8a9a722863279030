import { codeOf, SpinnerError } from './errors.ts'
import type { ChildSettings } from './options.ts'
import { explainFolder, locate } from './process/spawn-error.ts'
import type { Sys } from './sys.ts'

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

const quote = (text = ''): string => `'${text.replace(/['\\]/g, String.raw`\$&`)}'`
