import { type Conditions, canRun, report } from './exhausted-host.ts'
import type { Fault, Luck } from './fault.ts'
import { mustHold } from './world.ts'

/** What a wait ended with, in a host. */
export interface Told {
  readonly code?: string
  readonly message: string
  readonly cause?: string
}

/** A timer may go off a moment early. */
const SHORTEST_GAP_MS = 995
/**
 * What Node itself does not give back of a spawn that failed for want of descriptors (docs/hazards.md#h12).
 */
const LEAKED_PER_SPAWN = 2

const LISTEN = ['socket', 'port', null] as const

/** Runs a host under a limit of the shell's. */
export const limited = (limit: string): readonly string[] => ['sh', '-c', `${limit}; exec "$@"`, 'sh']

interface Starts {
  readonly lastError: Told | null
  readonly error: Told | null
  readonly stopped: readonly (Told | null)[]
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
    `tried again after ${Math.round(Math.min(...gaps))} ms: ${lastError?.message}`,
  )
  mustHold(
    stopped.every((end) => end === null),
    `stop(): ${stopped.map((end) => end?.message)}`,
  )
  mustHold(left.length === 0, `${left} live after stop()`)
}

interface Descriptors extends Starts {
  readonly before: number
  readonly after: number
  readonly later: number
  readonly closed: Told | null
}

/** What a host does when it has no descriptors left. */
export interface DescriptorsTask {
  /** It lets them go when so many attempts have failed. */
  readonly failures: number
  readonly listen: 'socket' | 'port' | null
  /** It leaves itself so many. */
  readonly spare: number
  readonly ends: 'start' | 'close'
  /** Nothing was started before. */
  readonly cold: boolean
}

/** What a host without descriptors must do. */
export async function withoutDescriptors(limit: number, task: DescriptorsTask): Promise<void> {
  const under = limited(`ulimit -n ${limit}`)
  const it = await report<Partial<Descriptors>>('descriptors.mjs', task, { under })
  const { after = 0, before = 0, closed = null, later = 0 } = it
  const starts = { lastError: null, error: null, stopped: [], left: [], failed: 0, gaps: [], ...it }
  mustHaveWaited(starts, 'EMFILE')
  mustHold(closed === null, `close(): ${closed?.message}`)
  if (task.ends === 'close') return
  mustHold(later === after, `${later - after} descriptors leaked by three starts that went well`)
  // The children that were stopped had two each; what begins at the first start has its own, such as the watchdog.
  const allowed = task.cold ? 3 + 2 * LEAKED_PER_SPAWN * starts.failed : LEAKED_PER_SPAWN * starts.failed - 4
  mustHold(after - before <= allowed, `${after - before} descriptors more after ${starts.failed} failures`)
}

const descriptorsTask = (luck: Luck): DescriptorsTask => ({
  failures: luck.int(1, 2),
  listen: luck.pick(LISTEN),
  spare: luck.int(0, 6),
  ends: luck.pick(['start', 'start', 'close'] as const),
  cold: luck.random() < 0.25,
})

const PROCESSES = 60
const NO_MORE_PROCESSES = limited(`ulimit -u ${PROCESSES} 2>/dev/null || ulimit -p ${PROCESSES}`)
/** A user whom nobody else is: the limit counts all processes of one. */
const userOf = (luck: Luck): number => luck.int(41_000, 59_000)

/** What a host of a user that may start no more processes must do. */
export async function withoutProcesses(user: number, listen: 'socket' | null): Promise<void> {
  const conditions = { under: NO_MORE_PROCESSES, user }
  const it = await report<Starts>('processes.mjs', { failures: 2, listen }, conditions)
  mustHaveWaited(it, 'EAGAIN')
  mustHold(it.failed >= 2, `only ${it.failed} attempts failed`)
}

/** Why hosts cannot be run as another user. */
export const noOtherUser = (): string | null =>
  canRun(
    { under: NO_MORE_PROCESSES, user: 41_000 },
    `require('fs').readdirSync(${JSON.stringify(process.cwd())})`,
  )
    ? null
    : 'only root can start hosts as another user, and that user must be able to read this folder'

const SMALL = 'mount --bind /tmp /tmp && mount -t tmpfs -o size=64k,nr_inodes=24,mode=1777 tmpfs "$TMPDIR"'
const SMALL_TMP: Conditions = { under: ['unshare', '--mount', 'sh', '-c', `${SMALL} && exec "$@"`, 'sh'] }

interface Temporary {
  readonly lastError?: string
  readonly error: Told | null
  readonly again: Told | null
  readonly without: Told | null
  readonly before: number
  readonly after: number
  readonly left: readonly string[]
  readonly gaps: readonly number[]
}

/** What a host must do whose folder for temporary files is full or read-only. */
export async function withoutTemporaryFiles(how: 'full' | 'read-only', early: boolean): Promise<void> {
  const it = await report<Temporary>('temporary.mjs', { how, early }, SMALL_TMP)
  mustHold(it.without === null, `a child on a port: ${it.without?.message}`)
  mustHold(it.again === null, `not started again: ${it.again?.message}`)
  mustHold(it.left.length === 0, `${it.left} is left`)
  if (!early) mustHold(it.after === it.before, `${it.after - it.before} descriptors leaked`)
  if (it.error !== null) mustHold(/ENOSPC|EROFS|ended/.test(it.error.message), `unclear: ${it.error.message}`)
  if (early && how === 'full') {
    mustHold(it.error === null, `the start did not succeed in the end: ${it.error?.message}`)
    mustHold(/ENOSPC/.test(it.lastError ?? ''), `unclear: ${it.lastError}`)
    mustHold(
      it.gaps.every((gap) => gap >= SHORTEST_GAP_MS),
      `tried again after ${Math.round(Math.min(...it.gaps))} ms`,
    )
  }
  // Room may come back; what may not be written to stays so, and is not waited for.
  if (early && how === 'read-only')
    mustHold(/EROFS.*`runtimeDir`/.test(it.error?.message ?? ''), `unclear: ${it.error?.message}`)
}

/** Why nothing can be mounted for a host alone. */
export const noMount = (): string | null => {
  const env = {
    ...SMALL_TMP,
    under: ['unshare', '--mount', 'sh', '-c', 'mount --bind /tmp /tmp && exec "$@"', 'sh'],
  }
  return canRun(env, '0') ? null : 'nothing can be mounted by this user'
}

export const limitFaults: readonly Fault[] = [
  {
    name: 'the host is out of descriptors',
    times: 100,
    short: 1,
    atOnce: 4,
    inject: (luck) => withoutDescriptors(luck.pick([64, 128]), descriptorsTask(luck)),
  },
  {
    name: 'the user of the host may start no more processes',
    times: 50,
    short: 1,
    atOnce: 4,
    missing: noOtherUser,
    inject: (luck) => withoutProcesses(userOf(luck), luck.pick(['socket', null])),
  },
  ...(['full', 'read-only'] as const).map((how) => ({
    name: `the folder for temporary files is ${how}`,
    times: 50,
    short: 1,
    atOnce: 4,
    missing: noMount,
    inject: (luck: Luck) => withoutTemporaryFiles(how, luck.random() < 0.5),
  })),
]
