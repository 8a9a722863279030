import { randomUUID } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { createSpinner, type Spinner, type SpinnerOptions } from '../../src/index.ts'
import { pause } from './processes.ts'

/** Name of the environment variable by which all processes of an injection are found. */
export const MARK = 'CHAOS_MARK'
/** No step of an injection takes this long, even on a busy machine. */
const LONGEST_MS = 20_000

/** The spinner, the mark and the folder of one injection. */
export interface World {
  readonly spinner: Spinner
  /** The value of {@link MARK} in all its processes. */
  readonly mark: string
  /** The folder for its files and sockets. */
  readonly folder: string
}

type Marked = Pick<World, 'mark'>

/** Throws `otherwise` if the condition is false. */
export function mustHold(holds: boolean, otherwise: string): asserts holds {
  if (!holds) throw new Error(otherwise)
}

/** Returns the value of the promise. Rejects if the promise takes longer than any step may. */
export async function inTime<Value>(promise: PromiseLike<Value>, what: string): Promise<Value> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} did not settle in ${LONGEST_MS} ms`)), LONGEST_MS)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

/** Waits until `look` returns true. */
export async function until(look: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + LONGEST_MS
  while (!look()) {
    mustHold(performance.now() < deadline, `${what} did not happen in ${LONGEST_MS} ms`)
    await pause(1)
  }
}

/** Returns the code of the error with which a promise rejects; `null` if it resolves. */
export async function codeOf(wait: PromiseLike<unknown>): Promise<string | null> {
  try {
    await wait
    return null
  } catch (thrown) {
    return String((thrown as { code?: unknown }).code ?? thrown)
  }
}

/** Returns whether a process has the mark. A zombie has no environment, so it never has. */
function carries(pid: string, mark: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8').includes(`${MARK}=${mark}\0`)
  } catch {
    return false
  }
}

/** Returns the ids of all living processes with this mark, including all descendants. */
export const living = ({ mark }: Marked): number[] =>
  readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry) && carries(entry, mark))
    .map(Number)

/** Returns the ids of those that this program itself has spawned. Faster than `living`. */
export const spawned = ({ mark }: Marked): number[] =>
  readdirSync('/proc/self/task')
    .flatMap((task) => readFileSync(`/proc/self/task/${task}/children`, 'utf8').split(' '))
    .filter((entry) => entry !== '' && carries(entry, mark))
    .map(Number)

/** Describes a process for a message. */
export function describe(pid: number): string {
  try {
    return `${pid} (${readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').join(' ').trim()})`
  } catch {
    return `${pid} (exited meanwhile)`
  }
}

/** Throws if a process of the injection is alive now. */
export function mustBeGone(world: Marked, when: string): void {
  const left = living(world)
  mustHold(left.length === 0, `${when}, ${left.length} processes are alive: ${left.map(describe).join(', ')}`)
}

/** Runs one injection with its own spinner, and checks that no process is left. */
export async function inWorld<Result>(
  action: (world: World) => Promise<Result>,
  optionsIn: (folder: string) => SpinnerOptions = () => ({}),
): Promise<Result> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'chaos-'))
  const mark = randomUUID()
  const quiet = { logger: null, stdout: null, stderr: null, monitor: null, idleTimeSec: -1 }
  const spinner = createSpinner({ ...quiet, ...optionsIn(folder), env: { [MARK]: mark } })
  try {
    const result = await action({ spinner, mark, folder })
    await inTime(spinner.close(), 'close()')
    mustBeGone({ mark }, 'after close()')
    return result
  } finally {
    await inTime(spinner.close(), 'close()').catch(() => {})
    for (const pid of living({ mark })) process.kill(pid, 'SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  }
}
