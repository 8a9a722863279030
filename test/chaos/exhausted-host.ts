import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { describeProcess, kill, newMark, pause, processesWith } from './processes.ts'

/** The conditions under which a host program runs. */
export interface Conditions {
  /** A program that runs the host, with its arguments. */
  readonly under?: readonly string[]
  readonly env?: NodeJS.ProcessEnv
  /** User id and group id of the host. */
  readonly user?: number
  /** Gets each report of the host. */
  onReport?(report: unknown, host: ChildProcess): void
  /** Checks what is left, before the temporary files of the host are removed. */
  afterwards?(report: unknown): Promise<void>
  /** The signal that must end the host. @default the host exits with code 0 */
  readonly ends?: NodeJS.Signals
}

const LONGEST_MS = 60_000
const SETTLE_MS = 5_000
const root = process.cwd()

let place: string | null = null

/**
 * Returns the folder in which the programs of test/fixtures/exhausted find the package, built from the sources. The
 * folder is not in the temporary directory, because some programs get a temporary directory of their own.
 */
function installation(): string {
  place ??= install()
  return place
}

function install(): string {
  const cache = path.join(root, 'node_modules/.cache')
  mkdirSync(cache, { recursive: true })
  const folder = mkdtempSync(path.join(cache, 'exhausted-'))
  chmodSync(folder, 0o755)
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  const installed = path.join(folder, 'node_modules/spinner')
  mkdirSync(installed, { recursive: true })
  cpSync(path.join(root, 'package.json'), path.join(installed, 'package.json'))
  cpSync(path.join(root, 'test/fixtures/exhausted'), folder, { recursive: true })
  cpSync(path.join(root, 'test/fixtures/hello.js'), path.join(folder, 'hello.cjs'))
  const compiler = path.join(root, 'node_modules/typescript/bin/tsc')
  const settings = ['-p', path.join(root, 'tsconfig.build.json'), '--outDir', path.join(installed, 'dist')]
  const built = spawnSync(process.execPath, [compiler, ...settings])
  if (built.status !== 0) throw new Error(`the package could not be built:\n${built.stdout}`)
  return folder
}

/** Returns whether the code `probe` runs under these conditions on this machine. */
export function canRun({ under = [], user }: Conditions, probe: string): boolean {
  const [command = '', ...args] = [...under, process.execPath, '-e', probe]
  const ids = user === undefined ? {} : { uid: user, gid: user }
  return spawnSync(command, args, { stdio: 'ignore', ...ids }).status === 0
}

/**
 * Runs a program of test/fixtures/exhausted until it exits and returns its last report. Rejects if the program failed
 * or left a process.
 */
export async function lastReport<Report>(
  program: string,
  task: object,
  conditions: Conditions,
): Promise<Report> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'exhausted-'))
  chmodSync(folder, 0o777)
  const mark = newMark()
  try {
    const last = await run(program, { ...conditions, env: environment(task, folder, mark, conditions) })
    await untilNothingLives(mark)
    await conditions.afterwards?.(last)
    return last as Report
  } finally {
    for (const { pid } of processesWith(mark)) kill(pid)
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  }
}

const environment = (task: object, folder: string, mark: string, { env }: Conditions): NodeJS.ProcessEnv => ({
  ...process.env,
  TMPDIR: folder,
  XDG_RUNTIME_DIR: '',
  SERVER: path.join(installation(), 'hello.cjs'),
  TASK: JSON.stringify(task),
  EXHAUSTED_MARK: mark,
  ...env,
})

function run(program: string, { under = [], env, user, onReport, ends }: Conditions): Promise<unknown> {
  const [command = '', ...args] = [...under, process.execPath, path.join(installation(), program)]
  const ids = user === undefined ? {} : { uid: user, gid: user }
  const host = spawn(command, args, { cwd: '/', env, stdio: ['ignore', 'pipe', 'pipe'], ...ids })
  const late = setTimeout(() => host.kill('SIGKILL'), LONGEST_MS)
  let [rest, stderr, last] = ['', '', undefined as unknown]
  host.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  host.stdout.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) {
      last = JSON.parse(line)
      onReport?.(last, host)
    }
  })
  return new Promise((resolve, reject) => {
    host.on('error', reject)
    host.on('close', (code, signal) => {
      clearTimeout(late)
      if (stderr === '' && (ends ? signal === ends : code === 0)) resolve(last)
      else reject(new Error(`the host ended with ${code ?? signal}: ${stderr || JSON.stringify(last)}`))
    })
  })
}

async function untilNothingLives(mark: string): Promise<void> {
  const deadline = performance.now() + SETTLE_MS
  for (let left = processesWith(mark); left.length > 0; left = processesWith(mark)) {
    if (performance.now() > deadline)
      throw new Error(`${left.length} left: ${left.map(describeProcess).join('; ')}`)
    await pause(20)
  }
}
