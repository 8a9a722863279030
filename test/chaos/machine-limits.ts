import { type Conditions, canRun, lastReport } from './exhausted-host.ts'
import type { Fault, Rng } from './fault.ts'
import { mustHold } from './world.ts'

/** An error as a host reports it. */
export interface ReportedError {
  readonly code?: string
  readonly message: string
  readonly cause?: string
}

/** A timer of one second may fire a moment early. */
const SHORTEST_GAP_MS = 995
/** Descriptors that Node itself leaks if a spawn fails because no descriptors are left (docs/hazards.md#h12). */
const LEAKED_PER_SPAWN = 2

const LISTEN = ['socket', 'port', null] as const

/** Returns the command of a shell that sets a limit and then runs the host. */
export const limited = (limit: string): readonly string[] => ['sh', '-c', `${limit}; exec "$@"`, 'sh']

interface Starts {
  readonly lastError: ReportedError | null
  readonly error: ReportedError | null
  readonly stopped: readonly (ReportedError | null)[]
  readonly left: readonly number[]
  readonly failed: number
  readonly gaps: readonly number[]
}

export function mustHaveWaited(
  { error, failed, gaps, lastError, left, stopped }: Starts,
  code: string,
): void {
  mustHold(error === null, `the start did not succeed in the end: ${error?.message}`)
  mustHold(failed === 0 || (lastError?.message.includes(code) ?? false), `unclear: ${lastError?.message}`)
  mustHold(
    gaps.every((gap) => gap >= SHORTEST_GAP_MS),
    `the next attempt came after ${Math.round(Math.min(...gaps))} ms: ${lastError?.message}`,
  )
  mustHold(
    stopped.every((end) => end === null),
    `stop(): ${stopped.map((end) => end?.message)}`,
  )
  mustHold(left.length === 0, `${left} are alive after stop()`)
}

interface Descriptors extends Starts {
  readonly before: number
  readonly after: number
  readonly later: number
  readonly closed: ReportedError | null
}

/** The task of a host that uses up its descriptors. */
export interface DescriptorsTask {
  /** Number of failed attempts after which the host frees the descriptors. */
  readonly failures: number
  readonly listen: 'socket' | 'port' | null
  /** Number of descriptors that stay free. */
  readonly spare: number
  readonly ends: 'start' | 'close'
  /** True if nothing was started before. */
  readonly cold: boolean
}

/** Checks how a host behaves without descriptors. */
export async function withoutDescriptors(limit: number, task: DescriptorsTask): Promise<void> {
  const under = limited(`ulimit -n ${limit}`)
  const it = await lastReport<Partial<Descriptors>>('descriptors.mjs', task, { under })
  const { after = 0, before = 0, closed = null, later = 0 } = it
  const starts = { lastError: null, error: null, stopped: [], left: [], failed: 0, gaps: [], ...it }
  mustHaveWaited(starts, 'EMFILE')
  mustHold(closed === null, `close(): ${closed?.message}`)
  if (task.ends === 'close') return
  mustHold(later === after, `${later - after} descriptors leaked by three successful starts`)
  // The stopped children had two descriptors each. The first start opens some that stay, such as that of the watchdog.
  const allowed = task.cold ? 3 + 2 * LEAKED_PER_SPAWN * starts.failed : LEAKED_PER_SPAWN * starts.failed - 4
  mustHold(after - before <= allowed, `${after - before} descriptors more after ${starts.failed} failures`)
}

const descriptorsTask = (rng: Rng): DescriptorsTask => ({
  failures: rng.int(1, 2),
  listen: rng.pick(LISTEN),
  spare: rng.int(0, 6),
  ends: rng.pick(['start', 'start', 'close'] as const),
  cold: rng.random() < 0.25,
})

const PROCESSES = 60
const NO_MORE_PROCESSES = limited(`ulimit -u ${PROCESSES} 2>/dev/null || ulimit -p ${PROCESSES}`)
/** Returns a user id that has no other processes, because the limit counts all processes of a user. */
const userOf = (rng: Rng): number => rng.int(41_000, 59_000)

/** Checks how a host behaves whose user has reached the limit of processes. */
export async function withoutProcesses(user: number, listen: 'socket' | null): Promise<void> {
  const conditions = { under: NO_MORE_PROCESSES, user }
  const it = await lastReport<Starts>('processes.mjs', { failures: 2, listen }, conditions)
  mustHaveWaited(it, 'EAGAIN')
  mustHold(it.failed >= 2, `only ${it.failed} attempts failed`)
}

/** Returns why hosts cannot run as another user; `null` if they can. */
export const noOtherUser = (): string | null =>
  canRun(
    { under: NO_MORE_PROCESSES, user: 41_000 },
    `require('fs').readdirSync(${JSON.stringify(process.cwd())})`,
  )
    ? null
    : 'only root can start hosts as another user, and that user must be able to read this directory'

const SMALL = 'mount --bind /tmp /tmp && mount -t tmpfs -o size=64k,nr_inodes=24,mode=1777 tmpfs "$TMPDIR"'
const SMALL_TMP: Conditions = { under: ['unshare', '--mount', 'sh', '-c', `${SMALL} && exec "$@"`, 'sh'] }

interface Temporary {
  readonly lastError?: string
  readonly error: ReportedError | null
  readonly again: ReportedError | null
  readonly without: ReportedError | null
  readonly before: number
  readonly after: number
  readonly left: readonly string[]
  readonly gaps: readonly number[]
}

/** Checks how a host behaves whose temporary directory is full or read-only. */
export async function withoutTemporaryFiles(how: 'full' | 'read-only', early: boolean): Promise<void> {
  const it = await lastReport<Temporary>('temporary.mjs', { how, early }, SMALL_TMP)
  mustHold(it.without === null, `a child on a port: ${it.without?.message}`)
  mustHold(it.again === null, `the restart failed: ${it.again?.message}`)
  mustHold(it.left.length === 0, `${it.left} is left`)
  if (!early) mustHold(it.after === it.before, `${it.after - it.before} descriptors leaked`)
  if (it.error !== null) mustHold(/ENOSPC|EROFS|ended/.test(it.error.message), `unclear: ${it.error.message}`)
  if (early && how === 'full') {
    mustHold(it.error === null, `the start did not succeed in the end: ${it.error?.message}`)
    mustHold(/ENOSPC/.test(it.lastError ?? ''), `unclear: ${it.lastError}`)
    mustHold(
      it.gaps.every((gap) => gap >= SHORTEST_GAP_MS),
      `the next attempt came after ${Math.round(Math.min(...it.gaps))} ms`,
    )
  }
  // spinner waits for free space, but not for a read-only file system, because that does not change by itself.
  if (early && how === 'read-only')
    mustHold(/EROFS.*`runtimeDir`/.test(it.error?.message ?? ''), `unclear: ${it.error?.message}`)
}

/** Returns why no private mount can be made for a host; `null` if it can. */
export const noMount = (): string | null => {
  const env = {
    ...SMALL_TMP,
    under: ['unshare', '--mount', 'sh', '-c', 'mount --bind /tmp /tmp && exec "$@"', 'sh'],
  }
  return canRun(env, '0') ? null : 'this user cannot mount file systems'
}

export const limitFaults: readonly Fault[] = [
  {
    name: 'the host is out of descriptors',
    times: 100,
    short: 1,
    atOnce: 4,
    inject: (rng) => withoutDescriptors(rng.pick([64, 128]), descriptorsTask(rng)),
  },
  {
    name: 'the user of the host has reached the limit of processes',
    times: 50,
    short: 1,
    atOnce: 4,
    missing: noOtherUser,
    inject: (rng) => withoutProcesses(userOf(rng), rng.pick(['socket', null])),
  },
  ...(['full', 'read-only'] as const).map((how) => ({
    name: `the temporary directory is ${how}`,
    times: 50,
    short: 1,
    atOnce: 4,
    missing: noMount,
    inject: (rng: Rng) => withoutTemporaryFiles(how, rng.random() < 0.5),
  })),
]
