import path from 'node:path'
import { codeOf, messageOf, SpinnerError } from '../errors.ts'
import type { Sys } from '../sys.ts'
import type { ChildSettings } from '../types/options.ts'

/**
 * Node names the program whatever is missing: the program, the folder or the interpreter of a script (HAZARDS
 * H11). This looks which one it was.
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

/** What a child cannot be spawned without: the option that names it, and why it is of no use. */
export interface Lack {
  readonly option: 'command' | 'cwd' | 'script'
  readonly why: string
}

/** What can be seen to be missing without spawning anything. */
export function lackOf(sys: Sys, settings: ChildSettings): Lack | null {
  const { command, cwd, script } = settings
  const wrongFolder = explainFolder(sys, cwd)
  if (wrongFolder) return { option: 'cwd', why: wrongFolder }
  const lack = script === null ? null : lackOfScript(sys, settings, script)
  // Windows finds programs by more than their names.
  if (lack || sys.platform === 'win32' || locate(sys, settings)) return lack
  return { option: 'command', why: notFound(command) }
}

function lackOfScript(sys: Sys, { cwd }: ChildSettings, given: string): Lack | null {
  const script = path.resolve(cwd ?? '.', given)
  const found = ['', '.js', '.json', '.node'].find((ending) => sys.fs.existsSync(script + ending))
  const wrongFolder = explainFolder(sys, cwd)
  if (wrongFolder) return { option: 'cwd', why: wrongFolder }
  if (found === undefined) return { option: 'script', why: `its script '${script}' does not exist` }
  try {
    sys.fs.accessSync(script + found, sys.fs.constants.R_OK)
    return null
  } catch (thrown) {
    return { option: 'script', why: `its script '${script + found}' cannot be read (${codeOf(thrown)})` }
  }
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

const notFound = (command: string): string =>
  command.includes('/')
    ? `the program '${command}' does not exist`
    : `the program '${command}' is not on PATH`

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

/** The file that a spawn would find, whether or not it may be executed. */
export function locate(sys: Sys, settings: ChildSettings): string | null {
  const { command, cwd, env } = settings
  if (command.includes('/')) {
    const program = path.resolve(cwd ?? '.', command)
    return sys.fs.existsSync(program) ? program : null
  }
  const folders = (env['PATH'] ?? sys.env['PATH'] ?? '').split(path.delimiter)
  const files = folders.map((folder) => path.resolve(cwd ?? '.', folder, command))
  return files.find((file) => sys.fs.existsSync(file)) ?? null
}

/** The dot asks for what the spawn will need: that the folder may be entered, and not only that it is there. */
export function explainFolder(sys: Sys, folder: string | null): string | null {
  if (folder === null) return null
  try {
    sys.fs.statSync(`${folder}/.`)
    return null
  } catch (thrown) {
    const code = codeOf(thrown)
    if (code === 'ENOENT') return `its cwd '${folder}' does not exist`
    return `its cwd '${folder}' ${code === 'ENOTDIR' ? 'is not a folder' : `cannot be entered (${code})`}`
  }
}
