import path from 'node:path'
import { codeOf } from '../errors.ts'
import type { Sys } from '../sys.ts'
import type { ChildSettings } from '../types/options.ts'

/** A file without which a child cannot be spawned: the option that names it, and what is wrong with it. */
export interface MissingFile {
  readonly option: 'command' | 'cwd' | 'script'
  readonly why: string
}

/** Returns the first missing file of a child, without a spawn. */
export function findMissing(sys: Sys, settings: ChildSettings): MissingFile | null {
  const { command, cwd, script } = settings
  const wrongDirectory = explainDirectory(sys, cwd)
  if (wrongDirectory) return { option: 'cwd', why: wrongDirectory }
  const missing = script === null ? null : findMissingScript(sys, settings, script)
  // Windows appends extensions such as .exe to the names of programs, so a search by name alone would miss them.
  if (missing || sys.platform === 'win32' || findProgram(sys, settings)) return missing
  return { option: 'command', why: notFound(command) }
}

/** Returns the script of a child if Node cannot load it, or its `cwd` if that is the cause. */
export function findMissingScript(sys: Sys, { cwd }: ChildSettings, given: string): MissingFile | null {
  const script = path.resolve(cwd ?? '.', given)
  const found = ['', '.js', '.json', '.node'].find((ending) => sys.fs.existsSync(script + ending))
  const wrongDirectory = explainDirectory(sys, cwd)
  if (wrongDirectory) return { option: 'cwd', why: wrongDirectory }
  if (found === undefined) return { option: 'script', why: `its script '${script}' does not exist` }
  try {
    sys.fs.accessSync(script + found, sys.fs.constants.R_OK)
    return null
  } catch (thrown) {
    return { option: 'script', why: `its script '${script + found}' cannot be read (${codeOf(thrown)})` }
  }
}

/** Describes a program that was not found. */
export const notFound = (command: string): string =>
  command.includes('/')
    ? `the program '${command}' does not exist`
    : `the program '${command}' is not on PATH`

/** Returns the file that a spawn would execute, without a check of its permissions; `null` if there is none. */
export function findProgram(sys: Sys, settings: ChildSettings): string | null {
  const { command, cwd, env } = settings
  if (command.includes('/')) {
    const program = path.resolve(cwd ?? '.', command)
    return sys.fs.existsSync(program) ? program : null
  }
  const directories = (env['PATH'] ?? sys.env['PATH'] ?? '').split(path.delimiter)
  const files = directories.map((directory) => path.resolve(cwd ?? '.', directory, command))
  return files.find((file) => sys.fs.existsSync(file)) ?? null
}

/**
 * Describes why a directory cannot be the `cwd` of a child; returns `null` if it can. The dot at the end of the path requires
 * the permission to enter the directory, as a spawn does.
 */
export function explainDirectory(sys: Sys, directory: string | null): string | null {
  if (directory === null) return null
  try {
    sys.fs.statSync(`${directory}/.`)
    return null
  } catch (thrown) {
    const code = codeOf(thrown)
    if (code === 'ENOENT') return `its cwd '${directory}' does not exist`
    return `its cwd '${directory}' ${code === 'ENOTDIR' ? 'is not a directory' : `cannot be entered (${code})`}`
  }
}
