import { randomUUID } from 'node:crypto'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { createSpinner } from '../../src/index.ts'
import { listener } from '../chaos/listener.ts'
import { rngFor, shuffled } from '../chaos/rng.ts'
import { type CycleContext, cycle } from './cycles.ts'
import { childrenLeft, childrenOfThis, type Reading, readAtRest, type Subject } from './reading.ts'

/** After this many cycles, everything that is created only once exists. */
const SETTLED = 100
/** After this many cycles, each name has all that spinner keeps for it, and Node has compiled all hot code. */
const WARM = 1_000

export interface SoakOptions {
  readonly cycles: number
  readonly atOnce: number
  readonly names: number
  readonly seed: number
  /** Ends the run early. */
  readonly signal?: AbortSignal
  progress?(done: number, reading: Reading | null): void
}

/** The reading after `done` cycles, and the time per cycle since the last reading. */
export interface Stage {
  readonly done: number
  readonly reading: Reading
  readonly msPerCycle: number
}

export interface Outcome {
  readonly stages: readonly Stage[]
  /** Errors of single cycles. */
  readonly failures: readonly string[]
  /** After `close()`: child processes, whether the folder of the sockets exists, handlers of the event `exit`. */
  readonly after: { readonly processes: number; readonly folder: boolean; readonly exitHandlers: number }
}

/** Starts and stops many children at once, many times, and takes a reading each time that none of them runs. */
export async function soak(given: SoakOptions): Promise<Outcome> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'spinner-soak-'))
  const mark = `SOAK_MARK=${randomUUID()}`
  const [name = '', value = ''] = mark.split('=')
  const before = { processes: childrenOfThis(), exitHandlers: process.listenerCount('exit') }
  const quiet = { logger: null, stdout: null, stderr: null, monitor: null }
  const spinner = createSpinner({ ...quiet, concurrency: given.atOnce, env: { [name]: value } })
  const failures: string[] = []
  try {
    const sockets = path.dirname(String(await spinner.start({ name: 'first', ...listener() })))
    await spinner.stop('first')
    const stages = await allStages(given, { spinner, folder }, { spinner, folder: sockets, mark }, failures)
    await spinner.close()
    const after = {
      processes: (await childrenLeft(before.processes)) - before.processes,
      folder: existsSync(sockets),
      exitHandlers: process.listenerCount('exit') - before.exitHandlers,
    }
    return { stages, failures, after }
  } finally {
    await spinner.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

async function allStages(
  given: SoakOptions,
  context: CycleContext,
  subject: Subject,
  failures: string[],
): Promise<readonly Stage[]> {
  const stages: Stage[] = []
  let done = 0
  for (const until of readingPoints(given.cycles)) {
    const begun = performance.now()
    await stage(given, context, done, until, failures)
    const msPerCycle = (performance.now() - begun) / (until - done)
    if (given.signal?.aborted) break
    done = until
    const reading = await readAtRest(subject, stages[0]?.reading ?? null)
    stages.push({ done, reading, msPerCycle })
    given.progress?.(done, reading)
  }
  return stages
}

/** Returns the numbers of cycles after which a reading is taken. */
function readingPoints(cycles: number): number[] {
  const thousands = Array.from({ length: Math.floor(cycles / WARM) }, (_, index) => (index + 1) * WARM)
  return [...new Set([SETTLED, ...thousands, cycles])].filter((point) => point <= cycles)
}

/** Runs the cycles of one stage, several at once. */
async function stage(
  given: SoakOptions,
  context: CycleContext,
  from: number,
  to: number,
  failures: string[],
): Promise<void> {
  const { atOnce, names, progress, seed, signal } = given
  const waiting = inOrder(from, to, names, seed)
  const busy = new Map<number, Promise<void>>()
  let done = from
  const work = async (): Promise<void> => {
    for (let number = waiting.shift(); number !== undefined && !signal?.aborted; number = waiting.shift()) {
      const name = number % names
      const before = busy.get(name)
      const one = (async () => {
        await before
        await cycle(context, number, names)
      })().catch((thrown: Error) => void failures.push(`cycle ${number}: ${thrown.stack ?? thrown.message}`))
      busy.set(name, one)
      await one
      progress?.(++done, null)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, work))
}

/** Shuffles the cycles within each round of the names, so that two cycles of one name rarely come close together. */
function inOrder(from: number, to: number, names: number, seed: number): number[] {
  const order: number[] = []
  for (let round = from; round < to; round += names) {
    const numbers = Array.from({ length: Math.min(names, to - round) }, (_, index) => round + index)
    order.push(...shuffled(rngFor(seed, 'soak', round), numbers))
  }
  return order
}
