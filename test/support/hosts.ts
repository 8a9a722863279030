import { type ChildProcess, spawn } from 'node:child_process'
import { copyFileSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { onTestFinished } from 'vitest'
import type { CommandOptions } from '../../src/checks/index.ts'
import { COOKIE } from '../../src/linux/cookie.ts'
import type { Target } from '../../src/types/child.ts'
import type { SpinnerOptions, StartOptions } from '../../src/types/options.ts'
import { lives } from './children.ts'
import { fixture, newFolder, next, until } from './host.ts'

/** A living process, read from `/proc`. */
export interface Seen {
  readonly pid: number
  readonly parent: number
  readonly command: readonly string[]
  readonly environment: readonly string[]
}

function look(pid: string): Seen[] {
  const read = (file: string): string => readFileSync(`/proc/${pid}/${file}`, 'utf8')
  try {
    const [state, parent] = read('stat')
      .replace(/^.*\) /s, '')
      .split(' ')
    if (state === 'Z' || state === 'X') return []
    const [command, environment] = [read('cmdline').split('\0'), read('environ').split('\0')]
    return [{ pid: Number(pid), parent: Number(parent), command, environment }]
  } catch {
    // The process has exited meanwhile.
    return []
  }
}

/** Returns all living processes. */
export const all = (): Seen[] => readdirSync('/proc').flatMap((pid) => (/^\d+$/.test(pid) ? look(pid) : []))

/** Returns the processes that this test file has started, with all descendants. */
export const marked = (): Seen[] =>
  all().filter((seen) => seen.pid !== process.pid && seen.environment.includes(`TEST_MARK=${process.pid}`))

/** Returns the watchdogs of a host. */
export const watchdogs = (host: number = process.pid): Seen[] =>
  all().filter(
    ({ parent, command }) =>
      parent === host && command[0] === '/bin/sh' && command.some((word) => word.startsWith(`${COOKIE}=`)),
  )

/** Returns the pid of the only watchdog of a host. Throws if the number of its watchdogs is not one. */
export function watchdogOf(host?: number): number {
  const [one, ...more] = watchdogs(host)
  if (!one || more.length > 0) throw new Error(`${more.length + (one ? 1 : 0)} watchdogs instead of one`)
  return one.pid
}

export const shell = (name: string, script: string): StartOptions => ({
  name,
  command: 'sh',
  args: ['-c', script],
  listen: null,
})

/** The children of a host and the options of its spinner. */
export interface Task {
  readonly options?: SpinnerOptions
  readonly children: readonly StartOptions[]
  /** Command checks for all children. */
  readonly commands?: readonly CommandOptions[]
  /** A signal that the host survives and reports. */
  readonly ignores?: NodeJS.Signals
}

/** A program with its own spinner, in its own process group. */
export interface Host {
  readonly process: ChildProcess
  readonly pid: number
  readonly ended: Promise<unknown>
}

/** Copies the host program into a folder and returns its path. `hostEnv` gives it its task. */
export function hostProgram(folder: string): string {
  const file = path.join(folder, 'starts-children.mjs')
  copyFileSync(fixture('starts-children.mjs'), file)
  return file
}

/** Returns the environment of a host. Its sockets are in a temporary folder, because a killed host cannot remove them. */
export const hostEnv = (task: Task): Record<string, string> => ({
  HOST: JSON.stringify(task),
  TMPDIR: newFolder(),
  XDG_RUNTIME_DIR: '',
  TEST_MARK: String(process.pid),
})

/** Starts a host. Resolves when the host is about to start its children. */
export async function newHost(program: string, task: Task): Promise<Host> {
  const host = spawn(process.execPath, [program], {
    detached: true,
    env: { ...process.env, ...hostEnv(task) },
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  })
  onTestFinished(endAll)
  const ended = next(host, 'exit')
  if ((await Promise.race([next(host, 'message'), ended]))[0] !== 'begun')
    throw new Error('the host did not start')
  return { process: host, pid: host.pid as number, ended }
}

/** Resolves with the children of a host when all are ready. */
export async function started(host: Host): Promise<{ pid: number; target: Target | null }[]> {
  return (await next(host.process, 'message'))[0] as { pid: number; target: Target | null }[]
}

/** Resolves when no process of this test file is alive. */
export async function nothingLives(pids: readonly number[] = []): Promise<void> {
  const left = (): string[] => [
    ...marked().map(({ pid, command }) => `${pid} ${command.join(' ').slice(0, 80)}`),
    ...pids.filter(lives).map(String),
  ]
  await until(() => left().length === 0, 'the exit of all processes').catch((thrown) => {
    const failure = new Error(`${thrown.message}: ${left().join(', ')}`)
    kill(pids.filter(lives))
    throw failure
  })
}

function kill(pids: readonly number[]): void {
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // The process has exited meanwhile.
    }
  }
}

/** Kills all processes of this test file, for a test that has failed or that left its children on purpose. */
export const endAll = (): void => kill(marked().map(({ pid }) => pid))
