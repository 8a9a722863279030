import path from 'node:path'
import { nullIfFails } from '../linux/cgroup-mount.ts'
import { explainDirectory, findProgram } from '../options/missing.ts'
import type { Sys } from '../sys.ts'
import type { ChildSettings } from '../types/options.ts'

const SHELL = '/bin/sh'

/** Moves itself and becomes the program, which so has never been elsewhere. Where it may not move, it stays. */
const SCRIPT = '{ echo 0 >"$0"; } 2>/dev/null; exec "$@"'

/** Commands after whose first moment an environment shows no mark. */
const CLEARS = /^(env|sudo|su|doas|runuser|setpriv)$/

/** Tells the watchdog of itself, and becomes the program. A pipe that nobody reads ends the inner shell alone. */
const registering = (pipe: number): string => `(echo "+$$" >&${pipe}) 2>/dev/null; exec ${pipe}>&-; exec "$@"`

/** A shell drops variables of other names. */
const NAME = /^[A-Za-z_]\w*$/
/** Some shell gives these a value of its own, or fails at one that it does not like. */
const OF_SHELLS =
  /^(BASH.*|COMP_WORDBREAKS|EPOCH.*|FUNCNAME|HISTCMD|IFS|LINENO|OPT(ARG|ERR|IND)|POSIXLY_CORRECT|PPID|PS[0-4]|RANDOM|SECONDS|SHELLOPTS|SRANDOM)$/

/** As many as the kernel follows: the interpreter of a script may be a script. */
const MOST_INTERPRETERS = 4
const LONGEST_FIRST_LINE = 256

type CommandLine = Pick<ChildSettings, 'command' | 'args'>

/** The command line that moves itself to the cgroup of a folder before it becomes the one that is given. */
export function viaCgroupShell(folder: string, { command, args }: CommandLine): CommandLine {
  return { command: SHELL, args: ['-c', SCRIPT, path.posix.join(folder, 'cgroup.procs'), command, ...args] }
}

/** Whether what a command runs cannot be told by its environment. */
export const clearsEnvironment = ({ command }: CommandLine): boolean => CLEARS.test(path.basename(command))

/** The command line that tells the watchdog of its group, through a descriptor, before it becomes the one given. */
export function viaWatchdogShell(pipe: number, { command, args }: CommandLine): CommandLine {
  return { command: SHELL, args: ['-c', registering(pipe), SHELL, command, ...args] }
}

/**
 * Whether a child is the same behind a launcher. What cannot be spawned must not reach it: the shell would end with
 * 126 or 127 where Node gives an error.
 */
export function canLaunch(sys: Sys, settings: ChildSettings, env: NodeJS.ProcessEnv): boolean {
  const { command, cwd, gid, uid } = settings
  // Another user may not move itself, and a bash would take the command for an option.
  if (uid !== undefined || gid !== undefined || command.startsWith('-')) return false
  if (env['PATH'] === undefined || explainDirectory(sys, cwd) !== null) return false
  if (!Object.keys(env).every((name) => NAME.test(name) && !OF_SHELLS.test(name))) return false
  const program = findProgram(sys, settings)
  const isGood = (file: string): boolean => isRunnable(sys, file, cwd ?? '.')
  return program !== null && nullIfFails(() => isGood(SHELL) && isGood(program)) === true
}

/** Throws where it cannot be read or executed. */
function isRunnable(sys: Sys, file: string, cwd: string, depth = 0): boolean {
  const { fs } = sys
  if (depth > MOST_INTERPRETERS || !fs.statSync(file).isFile()) return false
  fs.accessSync(file, fs.constants.X_OK)
  const interpreter = /^#![ \t]*([^ \t\n\0]+)/.exec(firstLine(sys, file))?.[1]
  return interpreter === undefined || isRunnable(sys, path.resolve(cwd, interpreter), cwd, depth + 1)
}

/** Not more of the file than that: a program may be a hundred megabytes. */
function firstLine(sys: Sys, file: string): string {
  const { fs } = sys
  const descriptor = fs.openSync(file, 'r')
  try {
    const start = Buffer.alloc(LONGEST_FIRST_LINE)
    fs.readSync(descriptor, start, 0, LONGEST_FIRST_LINE, 0)
    return start.toString('latin1')
  } finally {
    fs.closeSync(descriptor)
  }
}
