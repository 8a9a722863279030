import { codeOf, messageOf, SpinnerError } from '../errors.ts'
import { explainFolder, lackOfScript, locate, notFound } from '../options/missing.ts'
import type { Sys } from '../sys.ts'
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
  const lack = settings.script === null ? null : lackOfScript(sys, settings, settings.script)
  if (lack === null) return null
  const { name } = settings
  return new SpinnerError('ERR_SPINNER_SPAWN', `'${name}' could not be spawned: ${lack.why}.`, {
    child: name,
  })
}

function explain(sys: Sys, settings: ChildSettings, code: string | undefined): string | null {
  const { command, cwd } = settings
  const wrongFolder = explainFolder(sys, cwd)
  if (wrongFolder) return wrongFolder
  if (code === 'E2BIG')
    return 'its arguments and environment are larger than the system takes; make `env` or `args` smaller'
  const program = locate(sys, settings)
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
