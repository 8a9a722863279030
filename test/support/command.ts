import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, existsSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { onTestFinished } from 'vitest'
import { fixture, newFolder, until } from './host.ts'
import type { Ended } from './installed.ts'

/** A running command. */
export interface Running {
  /** Pid of the command itself, even if it runs in a terminal. */
  readonly pid: () => number
  /** Everything that the command has printed. */
  readonly output: () => string
  /** Resolves with the matches when the pattern was printed `times` times. */
  until(pattern: RegExp, times?: number): Promise<RegExpMatchArray[]>
  kill(signal: NodeJS.Signals): void
  /** Types into its terminal. Closes the terminal if there is no text. */
  type(text?: string): void
  readonly ended: Promise<Ended>
}

/** The folder and the environment of a command. */
export interface Place {
  readonly folder: string
  readonly env?: NodeJS.ProcessEnv
  readonly nodeArgs?: readonly string[]
  /** File for its stdout. Then `output` returns only stderr. */
  readonly stdout?: string
}

/** Runs the command `spinner` that is installed in a folder. */
export class Command {
  readonly #program: string

  constructor(installed: string) {
    this.#program = path.join(installed, 'node_modules/spinner/dist/cli/index.js')
  }

  get program(): string {
    return this.#program
  }

  run(args: readonly string[], { nodeArgs = [], ...place }: Place): Running {
    return watch(
      start(process.execPath, [...nodeArgs, this.#program, ...args], place),
      (child) => child.pid as number,
    )
  }

  /** Runs the command in a pseudo-terminal. */
  inTerminal(args: readonly string[], { nodeArgs = [], ...place }: Place): Running {
    const line = [fixture('in-a-terminal.py'), process.execPath, ...nodeArgs, this.#program, ...args]
    let said = ''
    const child = start('python3', line, place)
    child.stderr?.on('data', (text) => {
      said += text
    })
    return watch(child, () => Number(/^\d+/.exec(said)?.[0]))
  }
}

function start(command: string, args: readonly string[], { folder, env, stdout }: Place): ChildProcess {
  const own = {
    TMPDIR: newFolder(),
    XDG_RUNTIME_DIR: '',
    NO_COLOR: '',
    TEST_MARK: String(process.pid),
    TERM: 'xterm',
  }
  // Remove the variables of npm, which starts the tests. With them the command ignores a repeated signal for 500 ms.
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('npm_'))
  const all = { ...Object.fromEntries(inherited), ...own, ...env }
  const file = stdout === undefined ? null : openSync(stdout, 'w')
  const child = spawn(command, [...args], { cwd: folder, env: all, stdio: ['pipe', file ?? 'pipe', 'pipe'] })
  if (file !== null) closeSync(file)
  return child
}

function watch(child: ChildProcess, pid: (child: ChildProcess) => number): Running {
  let output = ''
  const streams = child.spawnfile === 'python3' ? [child.stdout] : [child.stdout, child.stderr]
  for (const stream of streams) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  }
  child.stdin?.on('error', () => {})
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => resolve({ code, signal, output }))
  })
  // End the command here if the test failed before it did.
  onTestFinished(async () => {
    if (child.exitCode === null && child.signalCode === null) process.kill(pid(child), 'SIGTERM')
    await ended
  })
  return {
    pid: () => pid(child),
    output: () => output,
    ended,
    until: (pattern, times = 1) =>
      until(
        () => {
          const matches = [
            ...output.matchAll(new RegExp(pattern.source, `${pattern.flags.replace('g', '')}g`)),
          ]
          return matches.length >= times ? matches : null
        },
        `${pattern} in ${JSON.stringify(output)}`,
      ).catch((thrown) => {
        throw new Error(`${pattern} was not printed ${times} times, but: ${output}`, { cause: thrown })
      }),
    kill: (signal) => void process.kill(pid(child), signal),
    type: (text) => void (text === undefined ? child.stdin?.end() : child.stdin?.write(text)),
  }
}

/** Creates a folder with a configuration, and returns a function that changes the configuration. */
export function newSite(
  yaml: string,
  files: Readonly<Record<string, string>> = {},
): { folder: string; change(yaml: string): void } {
  const folder = newFolder()
  const change = (text: string): void => writeFileSync(path.join(folder, 'spinner.yml'), text)
  change(yaml)
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(folder, name), text)
  return { folder, change }
}

/** Returns the pid that was printed last for a child. */
export function pidOf(output: string, child: string): number {
  const told = [...output.matchAll(/^(\S+) +\* (?:re)?started.*\(pid (\d+)\)$/gm)]
  return Number(told.findLast(([, name]) => name === child)?.[2])
}

/** Returns a child that appends its pid to a file and then runs a script, for tests that cannot read the output. */
export const recorded = (name: string, script: string): string =>
  `  ${name}: { command: sh, args: [-c, 'echo $$ >> pids; ${script}; while :; do sleep 60 & wait; done'], listen: null }\n`

/** Waits until a recorded child was started `times` times and returns its pids. */
export const recordedPids = (folder: string, times: number): Promise<number[]> =>
  until(() => {
    const file = path.join(folder, 'pids')
    const pids = existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n').map(Number) : []
    return pids.length >= times ? pids : null
  })
