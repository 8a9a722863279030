import { addressFaults } from './address-faults.ts'
import { childFaults } from './child-faults.ts'
import type { Fault } from './fault.ts'
import { hostFaults } from './host-death.ts'
import { luckOf } from './luck.ts'
import { machineFaults } from './machine-faults.ts'
import { noteOf } from './noted.ts'
import { kill, ofThisRun, pause, told, until } from './processes.ts'

export const faults: readonly Fault[] = [...hostFaults, ...childFaults, ...addressFaults, ...machineFaults]

/** A promise that was broken. */
export interface Failure {
  /** Of the injection; `null` when it showed only after all of them. */
  readonly index: number | null
  readonly message: string
}

/** What came of a fault. */
export interface Result {
  readonly name: string
  readonly asked: number
  done: number
  held: number
  /** Milliseconds that what is promised took. */
  readonly times: number[]
  readonly failures: Failure[]
  readonly missing: string | null
  /** What is to be said of it besides. */
  note: string
}

export interface Running {
  readonly seed: number
  readonly indexes: readonly number[]
  /** Called after each injection. */
  readonly tell?: (result: Result) => void
  readonly signal?: AbortSignal
  /** What was thrown and caught by nobody since the last call. */
  readonly strays?: () => readonly string[]
}

/** An injection that takes longer has hung. */
const LONGEST_MS = 180_000
/** What has been told to end gets so long to do it. */
const LAST_MS = 3_000

/** Runs a fault as often as there are indexes. What fails is recorded, and the rest goes on. */
export async function runFault(fault: Fault, running: Running): Promise<Result> {
  const { name } = fault
  const missing = fault.missing?.() ?? null
  const asked = running.indexes.length
  const result: Result = { name, asked, done: 0, held: 0, times: [], failures: [], missing, note: '' }
  if (missing !== null) return result
  const indexes = running.indexes[Symbol.iterator]()
  const lane = async (): Promise<void> => {
    for (const index of indexes) {
      if (running.signal?.aborted) return
      await once(fault, index, running, result)
    }
  }
  await Promise.all(Array.from({ length: fault.atOnce ?? 1 }, lane))
  result.note = noteOf(fault)
  await after(fault, running, result)
  return result
}

async function once(fault: Fault, index: number, running: Running, result: Result): Promise<void> {
  const outcome = await settled(fault, index, running.seed)
  if (running.signal?.aborted) return
  const strays = running.strays?.() ?? []
  const message = outcome instanceof Error ? outcome.message : (strays[0] ?? null)
  result.done++
  if (message === null) result.held++
  else result.failures.push({ index, message })
  if (typeof outcome === 'number') result.times.push(outcome)
  running.tell?.(result)
}

/** The milliseconds it took, `null` where none are told, or why it did not hold. */
async function settled(fault: Fault, index: number, seed: number): Promise<number | null | Error> {
  let timer: NodeJS.Timeout | undefined
  const hung = new Promise<Error>((resolve) => {
    timer = setTimeout(() => resolve(new Error(`it did not settle in ${LONGEST_MS / 1_000} s`)), LONGEST_MS)
  })
  try {
    return await Promise.race([fault.inject(luckOf(seed, fault.name, index)).then((ms) => ms ?? null), hung])
  } catch (thrown) {
    return thrown instanceof Error ? thrown : new Error(String(thrown))
  } finally {
    clearTimeout(timer)
  }
}

/** Nothing that the fault has started may live now. */
async function after(fault: Fault, running: Running, result: Result): Promise<void> {
  const fail = (message: string): void => {
    if (!running.signal?.aborted) result.failures.push({ index: null, message })
  }
  try {
    await fault.close?.()
  } catch (thrown) {
    fail(String(thrown instanceof Error ? thrown.message : thrown))
  }
  await until(() => ofThisRun().length === 0, 'the end of everything', LAST_MS).catch(() => {})
  for (const left of ofThisRun()) fail(`left behind: ${told(left)}`)
  for (const stray of running.strays?.() ?? []) fail(stray)
  await endAll()
}

/** Ends all processes of this run, and those that they start while it does. */
export async function endAll(): Promise<void> {
  for (let look = 0; look < 50; look++) {
    const left = ofThisRun()
    if (left.length === 0) return
    for (const { pid } of left) kill(pid)
    await pause(20)
  }
}
