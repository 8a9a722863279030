import { randomUUID } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { createSpinner, type Spinner, type SpinnerOptions } from '../../src/index.ts'
import { pause } from './processes.ts'

/** The variable by which what an injection has started is found, wherever it has gone. */
export const MARK = 'CHAOS_MARK'
/** No step of an injection takes so long on a machine that is merely busy. */
const LONGEST_MS = 20_000

/** What one injection has to itself. */
export interface World {
  readonly spinner: Spinner
  /** The value of {@link MARK} in all its processes. */
  readonly mark: string
  /** For its files and sockets. */
  readonly folder: string
}

type Marked = Pick<World, 'mark'>

/** Throws what did not hold. */
export function mustHold(holds: boolean, otherwise: string): asserts holds {
  if (!holds) throw new Error(otherwise)
}

/** What the promise gives; rejects when it takes longer than anything may. */
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

/** Waits until `look` gives true. */
export async function until(look: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + LONGEST_MS
  while (!look()) {
    mustHold(performance.now() < deadline, `${what} did not happen in ${LONGEST_MS} ms`)
    await pause(1)
  }
}

/** The code of the error that a wait ends with; `null` when it ends well. */
export async function codeOf(wait: PromiseLike<unknown>): Promise<string | null> {
  try {
    await wait
    return null
  } catch (thrown) {
    return String((thrown as { code?: unknown }).code ?? thrown)
  }
}

/** A zombie has no environment any more, so it is never among them. */
function carries(pid: string, mark: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8').includes(`${MARK}=${mark}\0`)
  } catch {
    return false
  }
}

/** All processes with this mark, to whatever generation, that live at this moment. */
export const living = ({ mark }: Marked): number[] =>
  readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry) && carries(entry, mark))
    .map(Number)

/** Those of them that this program itself has spawned: a quick look. */
export const spawned = ({ mark }: Marked): number[] =>
  readdirSync('/proc/self/task')
    .flatMap((task) => readFileSync(`/proc/self/task/${task}/children`, 'utf8').split(' '))
    .filter((entry) => entry !== '' && carries(entry, mark))
    .map(Number)

/** What a process is, for a message. */
export function describe(pid: number): string {
  try {
    return `${pid} (${readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').join(' ').trim()})`
  } catch {
    return `${pid} (ended since)`
  }
}

/** Nothing of the injection may live, now. */
export function mustBeGone(world: Marked, when: string): void {
  const left = living(world)
  mustHold(left.length === 0, `${when}, ${left.length} processes live: ${left.map(describe).join(', ')}`)
}

/** Runs one injection with a spinner of its own, and looks that nothing is left of it. */
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
