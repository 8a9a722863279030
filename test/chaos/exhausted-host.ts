import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { bearing, kill, newMark, pause, told } from './processes.ts'

/** Under what a host runs. */
export interface Conditions {
  /** A program that runs it, and that program's arguments. */
  readonly under?: readonly string[]
  readonly env?: NodeJS.ProcessEnv
  /** A user of its own. */
  readonly user?: number
  /** Hears what the host tells before its last word. */
  heard?(said: unknown, host: ChildProcess): void
  /** Looks at what is left, before its temporary files are removed. */
  afterwards?(said: unknown): Promise<void>
  /** How it ends; by itself when it is not said. */
  readonly ends?: NodeJS.Signals
}

const LONGEST_MS = 60_000
const SETTLE_MS = 5_000
const root = process.cwd()

let place: string | null = null

/**
 * Where the programs of test/fixtures/exhausted find the package, built from the sources. Not among the temporary
 * files: some programs have their own.
 */
function thePlace(): string {
  place ??= makePlace()
  return place
}

function makePlace(): string {
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

/** Whether a program under these conditions can run, and read the package, on this machine. */
export function canRun({ under = [], user }: Conditions, probe: string): boolean {
  const [command = '', ...args] = [...under, process.execPath, '-e', probe]
  const who = user === undefined ? {} : { uid: user, gid: user }
  return spawnSync(command, args, { stdio: 'ignore', ...who }).status === 0
}

/**
 * Runs a program of test/fixtures/exhausted to its end and gives its last word. Rejects when it did not end well, or
 * when anything of it is left.
 */
export async function report<Report>(program: string, task: object, conditions: Conditions): Promise<Report> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'exhausted-'))
  chmodSync(folder, 0o777)
  const mark = newMark()
  try {
    const said = await run(program, { ...conditions, env: environment(task, folder, mark, conditions) })
    await untilNothingLives(mark)
    await conditions.afterwards?.(said)
    return said as Report
  } finally {
    for (const { pid } of bearing(mark)) kill(pid)
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  }
}

const environment = (task: object, folder: string, mark: string, { env }: Conditions): NodeJS.ProcessEnv => ({
  ...process.env,
  TMPDIR: folder,
  XDG_RUNTIME_DIR: '',
  SERVER: path.join(thePlace(), 'hello.cjs'),
  TASK: JSON.stringify(task),
  EXHAUSTED_MARK: mark,
  ...env,
})

function run(program: string, { under = [], env, user, heard, ends }: Conditions): Promise<unknown> {
  const [command = '', ...args] = [...under, process.execPath, path.join(thePlace(), program)]
  const who = user === undefined ? {} : { uid: user, gid: user }
  const host = spawn(command, args, { cwd: '/', env, stdio: ['ignore', 'pipe', 'pipe'], ...who })
  const late = setTimeout(() => host.kill('SIGKILL'), LONGEST_MS)
  let [rest, complaints, last] = ['', '', undefined as unknown]
  host.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaints += text
  })
  host.stdout.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) {
      last = JSON.parse(line)
      heard?.(last, host)
    }
  })
  return new Promise((resolve, reject) => {
    host.on('error', reject)
    host.on('close', (code, signal) => {
      clearTimeout(late)
      if (complaints === '' && (ends ? signal === ends : code === 0)) resolve(last)
      else reject(new Error(`the host ended with ${code ?? signal}: ${complaints || JSON.stringify(last)}`))
    })
  })
}

async function untilNothingLives(mark: string): Promise<void> {
  const deadline = performance.now() + SETTLE_MS
  for (let left = bearing(mark); left.length > 0; left = bearing(mark)) {
    if (performance.now() > deadline) throw new Error(`${left.length} left: ${left.map(told).join('; ')}`)
    await pause(20)
  }
}
