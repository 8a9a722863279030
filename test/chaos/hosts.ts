import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import type { SpinnerOptions, StartOptions } from '../../src/types/options.ts'
import { makePackage, type Place } from './kinds.ts'
import { bearing, bears, kill, type Living, lives, newMark, pause, told, until } from './processes.ts'

/** What is left after so long is left for good. */
const LONGEST_MS = 10_000
const LOOK_MS = 2
const TIDY_MS = 5_000
/** A process between its fork and its program cannot be told yet; a second look finds it. */
const SECOND_LOOK_MS = 15

/** Stands, where a child's options have it, for what its host's processes bear. */
export const MARK = 'the mark of the host'

/** What a host starts, with which options of the spinner and of Node. */
export interface Task {
  readonly children: readonly StartOptions[]
  readonly options?: SpinnerOptions
  readonly flags?: readonly string[]
  /** The command of a program that runs the host's command. */
  readonly under?: (command: readonly string[]) => readonly string[]
}

/** A program with a spinner of its own, in a group of its own. */
export interface Host {
  /** It, or the program that runs it. */
  readonly process: ChildProcess
  readonly pid: number
  /** What all of its processes bear, save the watchdogs. */
  readonly mark: string
  /** Where its temporary files are. */
  readonly folder: string
  readonly ended: Promise<void>
  /** It is about to start its children. */
  readonly begun: Promise<void>
  /** All of its children are ready, or have failed. */
  readonly started: Promise<void>
  order(order: string, names?: readonly string[]): void
}

let place: Place | null = null

/** Builds the package from the sources and installs it in a folder with the program of the hosts, once for all. */
export function thePlace(): Place {
  if (place) return place
  const folder = mkdtempSync(path.join(os.tmpdir(), 'spinner-chaos-'))
  try {
    place = makePlace(folder)
    return place
  } catch (thrown) {
    rmSync(folder, { recursive: true, force: true })
    throw thrown
  }
}

export async function removePlace(): Promise<void> {
  if (place) rmSync(path.dirname(place.program), { recursive: true, force: true })
  place = null
}

function makePlace(folder: string): Place {
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

/** Does something with a host. Afterwards nothing of it is left, whatever came of it. */
export async function withHost<Value>(task: Task, action: (host: Host) => Promise<Value>): Promise<Value> {
  const { program } = thePlace()
  const folder = mkdtempSync(path.join(os.tmpdir(), 'spinner-host-'))
  const host = newHost(program, folder, task)
  try {
    return await action(host)
  } finally {
    for (const { pid } of bearing(host.mark)) kill(pid)
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
  const said = (word: string): Promise<void> =>
    new Promise((resolve) => child.on('message', (message) => void (message === word && resolve())))
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve())
    child.once('error', () => resolve())
  })
  const early = ended.then(() => {})
  const order = (word: string, names: readonly string[] = []): void => {
    if (child.connected) child.send({ order: word, names }, () => {})
  }
  const [begun, started] = [Promise.race([said('begun'), early]), Promise.race([said('started'), early])]
  return { process: child, pid: child.pid as number, mark, folder, ended, begun, started, order }
}

/**
 * Resolves, with the milliseconds since `since`, when nothing of the host lives. Only one process is looked at as
 * long as it lives, since a look at all takes time from those that are to end.
 */
export async function untilNothingLives(host: Pick<Host, 'mark'>, since: number): Promise<number> {
  let left = bearing(host.mark)
  for (;;) {
    while (left.length > 0 && !bears((left.at(-1) as Living).pid, host.mark)) left.pop()
    if (left.length === 0) left = bearing(host.mark)
    const now = performance.now()
    if (left.length === 0) {
      await pause(SECOND_LOOK_MS)
      left = bearing(host.mark)
      if (left.length === 0) return now - since
    }
    if (now - since > LONGEST_MS) throw new Error(`left: ${bearing(host.mark).map(told).join('; ')}`)
    await pause(LOOK_MS)
  }
}

/** Resolves when the watchdogs have ended and the folder of the sockets is gone. */
export async function untilTidy(host: Host, watchdogs: readonly number[]): Promise<void> {
  try {
    await until(() => !watchdogs.some(lives), 'the end of the watchdogs', LONGEST_MS)
  } catch (thrown) {
    for (const pid of watchdogs.filter(lives)) kill(pid)
    throw thrown
  }
  const left = (): string[] =>
    readdirSync(host.folder, { recursive: true })
      .map(String)
      .filter((file) => file.startsWith('spinner-'))
  await until(() => left().length === 0, '', TIDY_MS).catch(() => {
    throw new Error(`its sockets are left: ${left().join(', ')}; watchdogs seen: ${watchdogs.length}`)
  })
}
