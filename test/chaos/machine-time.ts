import type { ChildProcess } from 'node:child_process'
import { mkdirSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Child } from '../../src/index.ts'
import { lastReport } from './exhausted-host.ts'
import type { Fault, Rng } from './fault.ts'
import { pause } from './processes.ts'
import { inWorld, mustHold, until } from './world.ts'

/** A time in which the host stands still. `after` and `ms` are milliseconds; `order` is the call made just before. */
export interface Pause {
  readonly after: number
  readonly ms: number
  readonly order: 'start' | 'stop' | null
}

interface HeldUp {
  readonly restarts: readonly string[]
  readonly errors: readonly { readonly message: string }[]
  readonly same: boolean
  readonly lastExit: { readonly code: number | null; readonly signal: string | null } | null
}

/** Checks how a host behaves whose event loop stands still while checks, deadlines and stops are in progress. */
export async function heldUp(how: 'blocked' | 'frozen', pauses: readonly Pause[]): Promise<void> {
  const onReport = (report: unknown, host: ChildProcess): void => {
    const { freeze } = report as { freeze?: number }
    if (freeze === undefined) return
    host.kill('SIGSTOP')
    setTimeout(() => host.kill('SIGCONT'), freeze)
  }
  const it = await lastReport<HeldUp>('held-up.mjs', { how, pauses }, { onReport })
  mustHold(it.same, 'the pid of a child has changed')
  mustHold(it.restarts.length === 0, it.restarts.join('; '))
  mustHold(it.errors.length === 0, it.errors.map(({ message }) => message).join('; '))
  const { code, signal } = it.lastExit ?? { code: 7, signal: null }
  mustHold(code === 7 && signal === null, `a child that exits in time ended with ${code ?? signal}`)
}

const pausesOf = (rng: Rng, shortest: number, longest: number): Pause[] => [
  { after: rng.int(0, 300), ms: rng.int(shortest, longest), order: rng.pick(['start', 'stop', null]) },
  { after: rng.int(0, 300), ms: rng.int(shortest, Math.min(longest, 1_000)), order: null },
]

/** A way to change a monitored directory. */
export type Change = 'removed' | 'replaced' | 'replaced by a link'

const LATEST_CHANGE_MS = 3_000

function fill(folder: string, text: string): void {
  mkdirSync(folder)
  writeFileSync(path.join(folder, 'main.txt'), `${text}\n`)
}

async function change(how: Change, folder: string, rng: Rng): Promise<void> {
  const other = `${folder}-other`
  if (how !== 'removed') fill(other, 'of another')
  rmSync(folder, { recursive: true })
  await pause(rng.pick([0, 0, rng.int(1, 300)]))
  if (how === 'removed') fill(folder, 'made again')
  else if (how === 'replaced') renameSync(other, folder)
  else symlinkSync(other, folder)
}

/** Checks that spinner notices a change in a directory that was removed or replaced. Returns the milliseconds. */
export async function replacedFolder(how: Change, rng: Rng): Promise<number> {
  return inWorld(async ({ spinner, folder }) => {
    const watched = path.join(folder, 'watched')
    fill(watched, 'as it was')
    const file = path.join(watched, 'main.txt')
    let read = ''
    spinner.on('output', (_child: Child, _stream, line) => {
      read = line
    })
    const script = 'while ! cat "$FILE" 2>/dev/null; do sleep 0.05; done; exec sleep 600'
    const options = {
      command: 'sh',
      args: ['-c', script],
      env: { FILE: file },
      listen: null,
      monitor: watched,
    }
    await spinner.start({ name: 'watching', ...options })
    await until(() => read === 'as it was', 'the first output')
    await pause(rng.int(0, 300))
    await change(how, watched, rng)
    await pause(rng.int(0, 1_500))
    // Replace the file as an editor does, or write it in place.
    if (rng.random() < 0.5) unlinkSync(file)
    const since = performance.now()
    writeFileSync(file, 'as it is\n')
    await until(() => read === 'as it is', `the restart for a directory that was ${how}`)
    const took = performance.now() - since
    mustHold(took <= LATEST_CHANGE_MS, `a change was noticed after ${Math.round(took)} ms`)
    return took
  })
}

const CHANGES: readonly Change[] = ['removed', 'replaced', 'replaced by a link']

export const timeFaults: readonly Fault[] = [
  {
    name: 'the event loop of the host is blocked',
    times: 100,
    short: 1,
    atOnce: 2,
    inject: (rng) => heldUp('blocked', pausesOf(rng, 200, 3_000)),
  },
  {
    name: 'the host is stopped by SIGSTOP for a while',
    times: 100,
    short: 1,
    atOnce: 4,
    inject: (rng) => heldUp('frozen', pausesOf(rng, 2_000, 4_000).slice(0, 1)),
  },
  ...CHANGES.map((how) => ({
    name: `a monitored directory is ${how}`,
    times: 100,
    short: 1,
    atOnce: 4,
    inject: (rng: Rng) => replacedFolder(how, rng),
  })),
]
