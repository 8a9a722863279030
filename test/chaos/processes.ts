import { randomInt } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { COOKIE } from '../../src/linux/cookie.ts'

/** A living process, read from `/proc`. */
export interface Living {
  readonly pid: number
  readonly parent: number
  readonly group: number
  readonly command: readonly string[]
  readonly environment: string
}

const RUN = 'CHAOS_RUN'
/** The mark of this run. It is also a valid number of seconds, so that `sleep` can have it as an argument. */
const run = `600.${process.pid}${randomInt(100_000, 1_000_000)}`
let rounds = 0

/** Sets the mark of this run in the environment, so that all descendants can be found. */
export function markRun(): void {
  process.env[RUN] = run
}

/** Returns a new mark for the processes of one injection, for their environment or their arguments. */
export const newMark = (): string => `${run}${String(++rounds).padStart(6, '0')}9`

function look(pid: string): Living[] {
  const read = (file: string): string => readFileSync(`/proc/${pid}/${file}`, 'utf8')
  try {
    const [state, parent, group] = read('stat')
      .replace(/^.*\) /s, '')
      .split(' ')
    if (state === 'Z' || state === 'X') return []
    const [command, environment] = [read('cmdline').split('\0'), read('environ')]
    return [{ pid: Number(pid), parent: Number(parent), group: Number(group), command, environment }]
  } catch {
    // The process has exited meanwhile.
    return []
  }
}

export const living = (): Living[] =>
  readdirSync('/proc').flatMap((pid) => (/^\d/.test(pid) ? look(pid) : []))

/** Returns the living processes with this mark. */
export const processesWith = (mark: string): Living[] =>
  living().filter(({ command, environment }) => environment.includes(mark) || command.includes(mark))

/** Returns whether the process is alive and has this mark. */
export const hasMark = (pid: number, mark: string): boolean =>
  look(String(pid)).some(({ command, environment }) => environment.includes(mark) || command.includes(mark))

/** Returns the living processes of this run, and the child processes of this program that have no mark. */
export const ofThisRun = (): Living[] =>
  living().filter(
    ({ pid, parent, environment }) =>
      pid !== process.pid && (parent === process.pid || environment.includes(`${RUN}=${run}`)),
  )

/** A watchdog is a shell that has the cookie of its host as the name of its program. */
const isWatchdog = (command: readonly string[]): boolean =>
  command[0] === '/bin/sh' && command.some((word) => word.startsWith(`${COOKIE}=`))

/** Returns the watchdogs of `host` and of the hosts that it has started. */
export function watchdogsOf(host: number, among: readonly Living[] = living()): number[] {
  const below = among.filter(({ parent }) => parent === host)
  return below.flatMap(({ pid, command }) => (isWatchdog(command) ? [pid] : watchdogsOf(pid, among)))
}

export const lives = (pid: number): boolean => look(String(pid)).length > 0

export function kill(pid: number, signal: NodeJS.Signals = 'SIGKILL'): void {
  try {
    process.kill(pid, signal)
  } catch {
    // The process has exited meanwhile.
  }
}

const COOKIE_ENTRY = /\bSPINNER_COOKIE=[^\0]*/

/** Describes a process that should not be alive. */
export const describeProcess = ({ pid, parent, group, command, environment }: Living): string =>
  `${pid} (parent ${parent}, group ${group}, ${COOKIE_ENTRY.exec(environment)?.[0] ?? 'no cookie'}) ${command.join(' ').trim().slice(0, 100)}`

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Waits until `look` returns true. Rejects after `ms` milliseconds. */
export async function until(look: () => boolean, what: string, ms = 20_000): Promise<void> {
  const deadline = performance.now() + ms
  while (!look()) {
    if (performance.now() > deadline) throw new Error(`${what} did not happen within ${ms / 1_000} s`)
    await pause(5)
  }
}
