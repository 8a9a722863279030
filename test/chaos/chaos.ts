import { addressFaults } from './address-faults.ts'
import { childFaults } from './child-faults.ts'
import type { Fault } from './fault.ts'
import { hostFaults } from './host-death.ts'
import { machineFaults } from './machine-faults.ts'
import { noteOf } from './note.ts'
import { describeProcess, kill, ofThisRun, pause, until } from './processes.ts'
import { rngFor } from './rng.ts'

export const faults: readonly Fault[] = [...hostFaults, ...childFaults, ...addressFaults, ...machineFaults]

/** A guarantee that did not hold. */
export interface Failure {
  /** Index of the injection; `null` if the failure was found only after all injections. */
  readonly index: number | null
  readonly message: string
}

/** The result of all injections of a fault. */
export interface Result {
  readonly name: string
  readonly asked: number
  done: number
  held: number
  /** Milliseconds until the guarantee was met, for each injection that measures it. */
  readonly times: number[]
  readonly failures: Failure[]
  readonly missing: string | null
  /** A sentence that is printed below the table; empty for none. */
  note: string
}

export interface Running {
  readonly seed: number
  readonly indexes: readonly number[]
  /** Called after each injection. */
  readonly onResult?: (result: Result) => void
  readonly signal?: AbortSignal
  /** Returns the uncaught errors since the last call. */
  readonly uncaught?: () => readonly string[]
}

/** An injection that takes longer than this hangs. */
const LONGEST_MS = 180_000
/** Processes that were asked to exit get this long. */
const LAST_MS = 3_000

/** Runs one injection for each index. Records failures and continues with the next injection. */
export async function runFault(fault: Fault, running: Running): Promise<Result> {
  const { name } = fault
  const missing = fault.missing?.() ?? null
  const asked = running.indexes.length
  const result: Result = { name, asked, done: 0, held: 0, times: [], failures: [], missing, note: '' }
  if (missing !== null) return result
  const indexes = running.indexes[Symbol.iterator]()
  const worker = async (): Promise<void> => {
    for (const index of indexes) {
      if (running.signal?.aborted) return
      await injectOnce(fault, index, running, result)
    }
  }
  await Promise.all(Array.from({ length: fault.atOnce ?? 1 }, worker))
  result.note = noteOf(fault)
  await checkLeftovers(fault, running, result)
  return result
}

async function injectOnce(fault: Fault, index: number, running: Running, result: Result): Promise<void> {
  const outcome = await outcomeOf(fault, index, running.seed)
  if (running.signal?.aborted) return
  const uncaught = running.uncaught?.() ?? []
  const message = outcome instanceof Error ? outcome.message : (uncaught[0] ?? null)
  result.done++
  if (message === null) result.held++
  else result.failures.push({ index, message })
  if (typeof outcome === 'number') result.times.push(outcome)
  running.onResult?.(result)
}

/** Returns the measured milliseconds, `null` if the fault measures none, or the error that says what did not hold. */
async function outcomeOf(fault: Fault, index: number, seed: number): Promise<number | null | Error> {
  let timer: NodeJS.Timeout | undefined
  const hung = new Promise<Error>((resolve) => {
    timer = setTimeout(
      () => resolve(new Error(`the injection did not end in ${LONGEST_MS / 1_000} s`)),
      LONGEST_MS,
    )
  })
  try {
    return await Promise.race([fault.inject(rngFor(seed, fault.name, index)).then((ms) => ms ?? null), hung])
  } catch (thrown) {
    return thrown instanceof Error ? thrown : new Error(String(thrown))
  } finally {
    clearTimeout(timer)
  }
}

/** Records a failure for each process that the fault has started and that is still alive. */
async function checkLeftovers(fault: Fault, running: Running, result: Result): Promise<void> {
  const fail = (message: string): void => {
    if (!running.signal?.aborted) result.failures.push({ index: null, message })
  }
  try {
    await fault.close?.()
  } catch (thrown) {
    fail(String(thrown instanceof Error ? thrown.message : thrown))
  }
  await until(() => ofThisRun().length === 0, 'the exit of all processes', LAST_MS).catch(() => {})
  for (const left of ofThisRun()) fail(`left behind: ${describeProcess(left)}`)
  for (const error of running.uncaught?.() ?? []) fail(error)
  await endAll()
}

/** Kills all processes of this run, including those that they start meanwhile. */
export async function endAll(): Promise<void> {
  for (let look = 0; look < 50; look++) {
    const left = ofThisRun()
    if (left.length === 0) return
    for (const { pid } of left) kill(pid)
    await pause(20)
  }
}
