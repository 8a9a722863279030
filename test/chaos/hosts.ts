import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import type { SpinnerOptions, StartOptions } from '../../src/types/options.ts'
import { type Installation, makePackage } from './kinds.ts'
import {
  describeProcess,
  hasMark,
  kill,
  type Living,
  lives,
  newMark,
  pause,
  processesWith,
  until,
} from './processes.ts'

/** Processes that are alive after this long are considered left behind. */
const LONGEST_MS = 10_000
const POLL_MS = 2
const TIDY_MS = 5_000
/** A process between fork and exec cannot be recognised. A second look after this long finds it. */
const SECOND_LOOK_MS = 15

/** Placeholder in the options of a child for the mark of its host. */
export const MARK = 'the mark of the host'

/** The children of a host, the options of its spinner and the flags of Node. */
export interface Task {
  readonly children: readonly StartOptions[]
  readonly options?: SpinnerOptions
  readonly flags?: readonly string[]
  /** Returns the command of a program that runs the command of the host. */
  readonly under?: (command: readonly string[]) => readonly string[]
}

/** A program with its own spinner, in its own process group. */
export interface Host {
  /** The host, or the program that runs the host. */
  readonly process: ChildProcess
  readonly pid: number
  /** Text in the environment or the arguments of all its processes except the watchdogs. */
  readonly mark: string
  /** The folder of its temporary files. */
  readonly folder: string
  readonly ended: Promise<void>
  /** Resolves when the host is about to start its children. */
  readonly begun: Promise<void>
  /** Resolves when all its children are ready or have failed. */
  readonly started: Promise<void>
  order(order: string, names?: readonly string[]): void
}

let place: Installation | null = null

/** Builds the package from the sources and installs it, with the host program, in a folder that all hosts share. */
export function installation(): Installation {
  if (place) return place
  const folder = mkdtempSync(path.join(os.tmpdir(), 'spinner-chaos-'))
  try {
    place = install(folder)
    return place
  } catch (thrown) {
    rmSync(folder, { recursive: true, force: true })
    throw thrown
  }
}

export async function removeInstallation(): Promise<void> {
  if (place) rmSync(path.dirname(place.program), { recursive: true, force: true })
  place = null
}

function install(folder: string): Installation {
  const root = process.cwd()
  const installed = path.join(folder, 'node_modules/spinner')
  mkdirSync(installed, { recursive: true })
  cpSync(path.join(root, 'package.json'), path.join(installed, 'package.json'))
  symlinkSync(path.join(root, 'node_modules'), path.join(installed, 'node_modules'), 'dir')
  const compiler = path.join(root, 'node_modules/typescript/bin/tsc')
  const settings = ['-p', path.join(root, 'tsconfig.build.json'), '--outDir', path.join(installed, 'dist')]
  const built = spawnSync(process.execPath, [compiler, ...settings])
  if (built.status !== 0) throw new Error(`the package could not be built:\n${built.stdout}`)
  const program = path.join(folder, 'starts-and-obeys.mjs')
  cpSync(path.join(root, 'test/fixtures/starts-and-obeys.mjs'), program)
  makePackage(path.join(folder, 'started-by-npm'))
  return { program, folder: path.join(folder, 'started-by-npm') }
}

/** Starts a host and runs `action`. Afterwards kills everything that the host started, even if `action` rejected. */
export async function withHost<Value>(task: Task, action: (host: Host) => Promise<Value>): Promise<Value> {
  const { program } = installation()
  const folder = mkdtempSync(path.join(os.tmpdir(), 'spinner-host-'))
  const host = newHost(program, folder, task)
  try {
    return await action(host)
  } finally {
    for (const { pid } of processesWith(host.mark)) kill(pid)
    await host.ended
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  }
}

function newHost(program: string, folder: string, task: Task): Host {
  const mark = newMark()
  const { children, options, flags = [], under = (words) => words } = task
  const [command = '', ...args] = under([process.execPath, ...flags, program])
  const text = JSON.stringify({ children, options }).replaceAll(MARK, mark)
  const inherited = { ...process.env, TMPDIR: folder, XDG_RUNTIME_DIR: '', npm_config_cache: folder }
  const child = spawn(command, args, {
    detached: true,
    cwd: folder,
    env: { ...inherited, CHAOS_ROUND: mark, HOST: text },
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  })
  const received = (word: string): Promise<void> =>
    new Promise((resolve) => child.on('message', (message) => void (message === word && resolve())))
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve())
    child.once('error', () => resolve())
  })
  const early = ended.then(() => {})
  const order = (word: string, names: readonly string[] = []): void => {
    if (child.connected) child.send({ order: word, names }, () => {})
  }
  const [begun, started] = [
    Promise.race([received('begun'), early]),
    Promise.race([received('started'), early]),
  ]
  return { process: child, pid: child.pid as number, mark, folder, ended, begun, started, order }
}

/**
 * Resolves with the milliseconds since `since` when no process of the host is alive. Polls one process until it is gone,
 * because a look at all processes takes CPU time from those that should exit.
 */
export async function untilNothingLives(host: Pick<Host, 'mark'>, since: number): Promise<number> {
  let left = processesWith(host.mark)
  for (;;) {
    while (left.length > 0 && !hasMark((left.at(-1) as Living).pid, host.mark)) left.pop()
    if (left.length === 0) left = processesWith(host.mark)
    const now = performance.now()
    if (left.length === 0) {
      await pause(SECOND_LOOK_MS)
      left = processesWith(host.mark)
      if (left.length === 0) return now - since
    }
    if (now - since > LONGEST_MS)
      throw new Error(`left: ${processesWith(host.mark).map(describeProcess).join('; ')}`)
    await pause(POLL_MS)
  }
}

/** Resolves when the watchdogs have exited and the folder of the sockets is gone. */
export async function untilTidy(host: Host, watchdogs: readonly number[]): Promise<void> {
  try {
    await until(() => !watchdogs.some(lives), 'the exit of the watchdogs', LONGEST_MS)
  } catch (thrown) {
    for (const pid of watchdogs.filter(lives)) kill(pid)
    throw thrown
  }
  const left = (): string[] =>
    readdirSync(host.folder, { recursive: true })
      .map(String)
      .filter((file) => file.startsWith('spinner-'))
  await until(() => left().length === 0, '', TIDY_MS).catch(() => {
    throw new Error(`sockets of the host are left: ${left().join(', ')}; watchdogs seen: ${watchdogs.length}`)
  })
}
