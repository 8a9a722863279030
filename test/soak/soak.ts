import { randomUUID } from 'node:crypto'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { createSpinner } from '../../src/index.ts'
import { listener } from '../chaos/listener.ts'
import { luckOf, shuffled } from '../chaos/luck.ts'
import { cycle, type Place } from './cycles.ts'
import { childrenLeft, childrenOfThis, type Reading, readAtRest, type Subject } from './reading.ts'

/** By then whatever is made once has been made. */
const SETTLED = 100
/** By then all that a name keeps has been kept, and Node has compiled what it will compile. */
const WARM = 1_000

export interface Soak {
  readonly cycles: number
  readonly atOnce: number
  readonly names: number
  readonly seed: number
  /** Ends it early. */
  readonly signal?: AbortSignal
  progress?(done: number, reading: Reading | null): void
}

/** What was read after so many cycles, and how long each of those since the last reading took. */
export interface Stage {
  readonly done: number
  readonly reading: Reading
  readonly msPerCycle: number
}

export interface Outcome {
  readonly stages: readonly Stage[]
  /** What went wrong within cycles. */
  readonly failures: readonly string[]
  /** After `close()`: processes of this one, files in the folder of the sockets, handlers of its exit. */
  readonly after: { readonly processes: number; readonly folder: boolean; readonly exitHandlers: number }
}

/** Starts and stops children, many at once and over and over, and reads what is held while none of them runs. */
export async function soak(given: Soak): Promise<Outcome> {
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
  given: Soak,
  place: Place,
  subject: Subject,
  failures: string[],
): Promise<readonly Stage[]> {
  const stages: Stage[] = []
  let done = 0
  for (const until of stops(given.cycles)) {
    const begun = performance.now()
    await stage(given, place, done, until, failures)
    const msPerCycle = (performance.now() - begun) / (until - done)
    if (given.signal?.aborted) break
    done = until
    const reading = await readAtRest(subject, stages[0]?.reading ?? null)
    stages.push({ done, reading, msPerCycle })
    given.progress?.(done, reading)
  }
  return stages
}

/** After how many cycles everything is read. */
function stops(cycles: number): number[] {
  const thousands = Array.from({ length: Math.floor(cycles / WARM) }, (_, index) => (index + 1) * WARM)
  return [...new Set([SETTLED, ...thousands, cycles])].filter((stop) => stop <= cycles)
}

/** The cycles of one stage, so many at once. */
async function stage(given: Soak, place: Place, from: number, to: number, failures: string[]): Promise<void> {
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
        await cycle(place, number, names)
      })().catch((thrown: Error) => void failures.push(`cycle ${number}: ${thrown.stack ?? thrown.message}`))
      busy.set(name, one)
      await one
      progress?.(++done, null)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, work))
}

/** In an order of the seed's within each round of the names, so that no name is soon in two cycles at once. */
function inOrder(from: number, to: number, names: number, seed: number): number[] {
  const order: number[] = []
  for (let round = from; round < to; round += names) {
    const numbers = Array.from({ length: Math.min(names, to - round) }, (_, index) => round + index)
    order.push(...shuffled(luckOf(seed, 'soak', round), numbers))
  }
  return order
}
