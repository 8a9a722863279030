import path from 'node:path'
import { codeOf } from '../errors.ts'
import type { Sys } from '../sys.ts'
import type { ChildSettings } from '../types/options.ts'

/** What a child cannot be spawned without: the option that names it, and why it is of no use. */
export interface MissingFile {
  readonly option: 'command' | 'cwd' | 'script'
  readonly why: string
}

/** What can be seen to be missing without spawning anything. */
export function findMissing(sys: Sys, settings: ChildSettings): MissingFile | null {
  const { command, cwd, script } = settings
  const wrongFolder = explainFolder(sys, cwd)
  if (wrongFolder) return { option: 'cwd', why: wrongFolder }
  const lack = script === null ? null : findMissingScript(sys, settings, script)
  // Windows finds programs by more than their names.
  if (lack || sys.platform === 'win32' || locate(sys, settings)) return lack
  return { option: 'command', why: notFound(command) }
}

export function findMissingScript(sys: Sys, { cwd }: ChildSettings, given: string): MissingFile | null {
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

export const notFound = (command: string): string =>
  command.includes('/')
    ? `the program '${command}' does not exist`
    : `the program '${command}' is not on PATH`

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
