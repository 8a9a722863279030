import { randomInt } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'

/** A living process, as Linux tells of it. */
export interface Living {
  readonly pid: number
  readonly parent: number
  readonly group: number
  readonly command: readonly string[]
  readonly environment: string
}

const RUN = 'CHAOS_RUN'
/** Reads as a number of seconds, so that a `sleep` can bear it in its arguments. */
const run = `600.${process.pid}${randomInt(100_000, 1_000_000)}`
let rounds = 0

/** Whatever is started from now on, to however many generations, is known to be this run's. */
export function markRun(): void {
  process.env[RUN] = run
}

/** What the processes of one injection bear, in their environment or among their arguments. */
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
    // It ended while we looked.
    return []
  }
}

export const living = (): Living[] =>
  readdirSync('/proc').flatMap((pid) => (/^\d/.test(pid) ? look(pid) : []))

/** The living processes of one injection. */
export const bearing = (mark: string): Living[] =>
  living().filter(({ command, environment }) => environment.includes(mark) || command.includes(mark))

/** Whether a process lives that is of this injection. */
export const bears = (pid: number, mark: string): boolean =>
  look(String(pid)).some(({ command, environment }) => environment.includes(mark) || command.includes(mark))

/** The living processes of this run, and those that this very process has started without its mark. */
export const ofThisRun = (): Living[] =>
  living().filter(
    ({ pid, parent, environment }) =>
      pid !== process.pid && (parent === process.pid || environment.includes(`${RUN}=${run}`)),
  )

/** The shells that watch over the children of `host`, and over those of the hosts that it has started. */
export function watchdogsOf(host: number, among: readonly Living[] = living()): number[] {
  const below = among.filter(({ parent }) => parent === host)
  return below.flatMap(({ pid, command }) =>
    command[0] === '/bin/sh' && command[2]?.includes('read -r line') ? [pid] : watchdogsOf(pid, among),
  )
}

export const lives = (pid: number): boolean => look(String(pid)).length > 0

export function kill(pid: number, signal: NodeJS.Signals = 'SIGKILL'): void {
  try {
    process.kill(pid, signal)
  } catch {
    // It has ended since.
  }
}

const COOKIE = /\bSPINNER_COOKIE=[^\0]*/

/** What one must know of a process that should not be there. */
export const told = ({ pid, parent, group, command, environment }: Living): string =>
  `${pid} (parent ${parent}, group ${group}, ${COOKIE.exec(environment)?.[0] ?? 'no cookie'}) ${command.join(' ').trim().slice(0, 100)}`

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Waits until `look` gives something true; rejects after long. */
export async function until(look: () => boolean, what: string, ms = 20_000): Promise<void> {
  const deadline = performance.now() + ms
  while (!look()) {
    if (performance.now() > deadline) throw new Error(`${what} did not happen within ${ms / 1_000} s`)
    await pause(5)
  }
}
