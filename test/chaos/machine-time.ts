import type { ChildProcess } from 'node:child_process'
import { mkdirSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Child } from '../../src/index.ts'
import { report } from './exhausted-host.ts'
import type { Fault, Luck } from './fault.ts'
import { pause } from './processes.ts'
import { inWorld, mustHold, until } from './world.ts'

/** When a host stands still, for how long, and what it has asked for just before. */
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

/** What a host must do whose loop stands still while checks, deadlines and stops are under way. */
export async function heldUp(how: 'blocked' | 'frozen', pauses: readonly Pause[]): Promise<void> {
  const heard = (said: unknown, host: ChildProcess): void => {
    const { freeze } = said as { freeze?: number }
    if (freeze === undefined) return
    host.kill('SIGSTOP')
    setTimeout(() => host.kill('SIGCONT'), freeze)
  }
  const it = await report<HeldUp>('held-up.mjs', { how, pauses }, { heard })
  mustHold(it.same, 'a child has another pid')
  mustHold(it.restarts.length === 0, it.restarts.join('; '))
  mustHold(it.errors.length === 0, it.errors.map(({ message }) => message).join('; '))
  const { code, signal } = it.lastExit ?? { code: 7, signal: null }
  mustHold(code === 7 && signal === null, `a child that ends in time ended with ${code ?? signal}`)
}

const pausesOf = (luck: Luck, shortest: number, longest: number): Pause[] => [
  { after: luck.int(0, 300), ms: luck.int(shortest, longest), order: luck.pick(['start', 'stop', null]) },
  { after: luck.int(0, 300), ms: luck.int(shortest, Math.min(longest, 1_000)), order: null },
]

/** In which way a folder that is watched becomes another one. */
export type Change = 'removed' | 'replaced' | 'a link instead'

const LATEST_CHANGE_MS = 3_000

function fill(folder: string, text: string): void {
  mkdirSync(folder)
  writeFileSync(path.join(folder, 'main.txt'), `${text}\n`)
}

async function change(how: Change, folder: string, luck: Luck): Promise<void> {
  const other = `${folder}-other`
  if (how !== 'removed') fill(other, 'of another')
  rmSync(folder, { recursive: true })
  await pause(luck.pick([0, 0, luck.int(1, 300)]))
  if (how === 'removed') fill(folder, 'made again')
  else if (how === 'replaced') renameSync(other, folder)
  else symlinkSync(other, folder)
}

/** What is written to a folder that became another one must be seen. */
export async function replacedFolder(how: Change, luck: Luck): Promise<number> {
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
    await until(() => read === 'as it was', 'the first look')
    await pause(luck.int(0, 300))
    await change(how, watched, luck)
    await pause(luck.int(0, 1_500))
    // As an editor does it, or in place.
    if (luck.random() < 0.5) unlinkSync(file)
    const since = performance.now()
    writeFileSync(file, 'as it is\n')
    await until(() => read === 'as it is', `the look at a folder that was ${how}`)
    const took = performance.now() - since
    mustHold(took <= LATEST_CHANGE_MS, `a change was seen after ${Math.round(took)} ms`)
    return took
  })
}

const CHANGES: readonly Change[] = ['removed', 'replaced', 'a link instead']

export const timeFaults: readonly Fault[] = [
  {
    name: 'the loop of the host stands still',
    times: 100,
    short: 1,
    atOnce: 2,
    inject: (luck) => heldUp('blocked', pausesOf(luck, 200, 3_000)),
  },
  {
    name: 'the host is stopped for a while',
    times: 100,
    short: 1,
    atOnce: 4,
    inject: (luck) => heldUp('frozen', pausesOf(luck, 2_000, 4_000).slice(0, 1)),
  },
  ...CHANGES.map((how) => ({
    name: `a folder that is watched is ${how}`,
    times: 100,
    short: 1,
    atOnce: 4,
    inject: (luck: Luck) => replacedFolder(how, luck),
  })),
]
