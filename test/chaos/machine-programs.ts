import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { canRun, lastReport } from './exhausted-host.ts'
import type { Fault, Rng } from './fault.ts'
import { limited, type ReportedError } from './machine-limits.ts'
import { lives, until } from './processes.ts'
import { mustHold } from './world.ts'

interface Paths {
  readonly missing: ReportedError | null
  readonly found: ReportedError | null
  readonly stopped?: ReportedError | null
  readonly left?: readonly number[]
  readonly folder: string
  readonly pids: readonly number[]
}

/** Checks how a host behaves with this PATH, and its watchdog if the host is killed. */
export async function withPath(PATH: string, ends: 'stop' | 'kill'): Promise<void> {
  const afterwards = async (said: unknown): Promise<void> => {
    const { folder, pids } = said as Paths
    await until(() => !pids.some(lives), 'the exit of all children')
    await until(() => !existsSync(folder), 'the removal of the folder of the sockets', 3_000)
  }
  const own = { env: { PATH }, afterwards }
  const conditions = ends === 'kill' ? { ...own, ends: 'SIGKILL' as const } : own
  const it = await lastReport<Paths>('paths.mjs', { ends }, conditions)
  mustHold(it.missing?.message.includes('is not on PATH') ?? false, `unclear: ${it.missing?.message}`)
  mustHold(it.found === null, `the program is not found on the PATH of a later start: ${it.found?.message}`)
  if (ends === 'stop')
    mustHold(it.stopped === null && it.left?.length === 0, `stopAll(): ${it.stopped?.message}`)
}

/** Runs a host with a PATH that has a shell but no program that lists processes. */
export async function withFewPrograms(ends: 'stop' | 'kill'): Promise<void> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'few-programs-'))
  try {
    mkdirSync(path.join(folder, 'bin'))
    for (const program of ['sh', 'grep', 'rm', 'rmdir'])
      symlinkSync(`/bin/${program}`, path.join(folder, 'bin', program))
    await withPath(path.join(folder, 'bin'), ends)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

interface Output {
  readonly longest: number
  readonly grew: number
  readonly late: number
  readonly stopping: number
  readonly kept: number
}

const MB = 1024 * 1024
const MOST_GROWTH_MB = 32
/** Longest time that the event loop of the host may be blocked. */
const LATEST_MS = 500
const LONGEST_STOP_MS = 2_000
/** With a small young generation, growth shows what spinner holds, not what V8 has not collected yet. */
const SMALL_YOUNG = { NODE_OPTIONS: '--max-semi-space-size=1' }

/** Checks how a host behaves whose child writes more than anything reads. */
export async function withOutput(task: { writes: string; sink: string; ms: number }): Promise<void> {
  const it = await lastReport<Output>('reads-output.mjs', task, { env: SMALL_YOUNG })
  const grew = Math.round(it.grew / MB)
  mustHold(grew <= MOST_GROWTH_MB, `the host grew by ${grew} MB`)
  mustHold(it.late <= LATEST_MS, `the event loop of the host was blocked for ${Math.round(it.late)} ms`)
  mustHold(it.stopping <= LONGEST_STOP_MS, `stop() took ${Math.round(it.stopping)} ms`)
  mustHold(it.longest <= 64 * 1024, `a line has ${it.longest} characters`)
  mustHold(it.kept <= 256 * 1024, `${it.kept} characters are kept`)
}

interface Stdin {
  readonly error: ReportedError | null
  readonly answered: boolean
  readonly state: string
}

export async function withClosedStdin(size: number, wait: number): Promise<void> {
  const it = await lastReport<Stdin>('writes-to-the-deaf.mjs', { size, wait }, {})
  mustHold(it.error === null && it.state === 'stopped', `${it.state}: ${it.error?.message}`)
  mustHold(it.answered, 'a send() settled with a value other than true or false')
}

interface Trace {
  readonly seen: readonly string[]
  readonly left: readonly number[]
}

export async function withListenersThat(how: 'throws' | 'rejects'): Promise<void> {
  const { quiet, other } = await lastReport<{ quiet: Trace; other: Trace }>('heard-by.mjs', { how }, {})
  mustHold(quiet.seen.length > 10, `the trace has only ${quiet.seen.length} entries`)
  mustHold(String(other.seen) === String(quiet.seen), `${quiet.seen} became ${other.seen}`)
  mustHold(quiet.left.length + other.left.length === 0, 'processes are left')
}

interface Watched {
  readonly errors: readonly ReportedError[]
  readonly took: number
  readonly before: number
  readonly after: number
}

const LATEST_CHANGE_MS = 3_000
const noInotify = (limit: string, to: number): readonly string[] => [
  'unshare',
  '--user',
  '--map-root-user',
  ...limited(`echo ${to} > /proc/sys/user/max_inotify_${limit}`),
]

/** Checks how a host behaves that cannot watch more files. */
export async function withoutWatches(
  limit: 'watches' | 'instances',
  to: number,
  task: object,
): Promise<void> {
  const it = await lastReport<Watched>(
    'watches.mjs',
    { mustWarn: true, ...task },
    { under: noInotify(limit, to) },
  )
  mustHold(/ENOSPC|EMFILE/.test(it.errors[0]?.message ?? ''), `unclear: ${it.errors[0]?.message}`)
  mustHold(it.errors.length <= 2, `two starts gave ${it.errors.length} warnings`)
  mustHold(it.took <= LATEST_CHANGE_MS, `a change was noticed after ${Math.round(it.took)} ms`)
  mustHold(it.before === it.after, `${it.after - it.before} descriptors leaked`)
}

/** Returns why the inotify limits cannot be set for one host alone; `null` if they can. */
export const noOwnInotify = (): string | null =>
  existsSync('/proc/sys/user/max_inotify_watches') && canRun({ under: noInotify('watches', 10) }, '0')
    ? null
    : 'this user cannot create a user namespace with its own inotify limits'

const noLinux = (): string | null =>
  process.platform === 'linux' ? null : 'remaining processes are found in /proc, which only Linux has'

const fault = (name: string, times: number, inject: Fault['inject'], missing = noLinux): Fault => ({
  name,
  times,
  short: 1,
  atOnce: 2,
  missing,
  inject,
})

const ENDS = ['stop', 'kill'] as const
const SINKS = ['none', 'stuck', 'slow'] as const
const watching = (rng: Rng) => ({ wait: rng.int(0, 500), file: rng.int(0, 11) })

export const programFaults: readonly Fault[] = [
  fault('PATH is empty', 50, (rng) => withPath('', rng.pick(ENDS))),
  fault('ps, pgrep and lsof are not on PATH', 50, (rng) => withFewPrograms(rng.pick(ENDS))),
  fault('a child floods its output', 50, (rng) =>
    withOutput({ writes: rng.pick(['flood', 'both']), sink: rng.pick(SINKS), ms: rng.int(300, 1_500) }),
  ),
  fault('a child writes a line of 300 MB', 50, (rng) =>
    withOutput({ writes: 'line', sink: rng.pick(SINKS), ms: 0 }),
  ),
  fault('a child closes its stdin', 50, (rng) => withClosedStdin(rng.int(1, 200_000), rng.int(0, 50))),
  fault('all listeners, hooks and the logger throw', 20, () => withListenersThat('throws')),
  fault('all listeners, hooks and the logger reject', 20, () => withListenersThat('rejects')),
  fault(
    'no more files can be watched',
    100,
    (rng) => withoutWatches('watches', rng.int(1, 8), watching(rng)),
    noOwnInotify,
  ),
  fault(
    'no file can be watched at all',
    100,
    (rng) => withoutWatches('instances', 0, watching(rng)),
    noOwnInotify,
  ),
]
