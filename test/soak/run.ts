import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { type Figure, figuresOf } from './figures.ts'
import type { Reading } from './reading.ts'
import { type Outcome, soak } from './soak.ts'

const HELP = `npm run soak -- [options]

Starts and stops children many times and checks that nothing is left of them and that the host does not grow.

  --cycles N    number of cycles, each of which starts a child and stops it (default: 10000)
  --at-once N   number of cycles that run at the same time (default: 8)
  --names N     number of names that the children share (default: 100)
  --seed N      seed of the order of the cycles (default: a new one in each run)
  --snapshots   write a heap snapshot after 1000 cycles and one at the end
  --help        print this help
`

const MB = 1024 * 1024
const begun = performance.now()

function readArguments() {
  const { values } = parseArgs({
    options: {
      cycles: { type: 'string', default: '10000' },
      'at-once': { type: 'string', default: '8' },
      names: { type: 'string', default: '100' },
      seed: { type: 'string', default: String(Date.now() % 1_000_000) },
      snapshots: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  const number = (option: 'cycles' | 'at-once' | 'names' | 'seed', least: number): number => {
    const given = Number(values[option])
    if (Number.isSafeInteger(given) && given >= least) return given
    throw new Error(`--${option} must be an integer >= ${least}, but it is '${values[option]}'.`)
  }
  const { help, snapshots } = values
  const [cycles, atOnce, names, seed] = [
    number('cycles', 1),
    number('at-once', 1),
    number('names', 1),
    number('seed', 0),
  ]
  return { help, snapshots, cycles, atOnce, names, seed }
}

const readingLine = ({ descriptors, heap, rss, listeners }: Reading): string =>
  `${descriptors.length} descriptors, heap ${(heap / MB).toFixed(2)} MB, resident ${(rss / MB).toFixed(1)} MB, ${listeners} listeners`

const elapsed = (): string => `${((performance.now() - begun) / 1_000).toFixed(0)} s`

/** Prints the progress in one line that changes, but only on a terminal, and each reading in a new line. */
function progress(cycles: number): (done: number, reading: Reading | null) => void {
  const { isTTY } = process.stdout
  return (done, reading) => {
    if (reading)
      console.log(`${isTTY ? '\r\x1b[K' : ''}${done} of ${cycles} in ${elapsed()}: ${readingLine(reading)}`)
    else if (isTTY && done % 10 === 0) process.stdout.write(`\r\x1b[K${done} of ${cycles}, ${elapsed()}`)
  }
}

function table(figures: readonly Figure[]): string {
  const rows = figures.map(({ what, promised, was, verdict }) => [verdict, what, was, promised])
  const width = [0, 1, 2].map((column) => Math.max(...rows.map((row) => (row[column] as string).length)))
  return rows.map((row) => row.map((cell, column) => cell.padEnd(width[column] ?? 0)).join('  ')).join('\n')
}

function report({ stages, failures, ...rest }: Outcome): boolean {
  const figures = figuresOf({ stages, failures, ...rest })
  for (const failure of failures.slice(0, 5)) console.error(failure)
  const paces = stages.map(({ done, msPerCycle }) => `${done}: ${msPerCycle.toFixed(1)}`)
  console.log(`\nms per cycle up to cycle ${paces.join(', ')}\n`)
  console.log(table(figures))
  return figures.every(({ verdict }) => verdict !== 'broken')
}

async function main(): Promise<number> {
  const { help, snapshots, ...given } = readArguments()
  if (help) {
    console.log(HELP)
    return 0
  }
  const ending = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => ending.abort(signal))
  const { cycles, atOnce, names, seed } = given
  console.log(`${cycles} cycles, ${atOnce} at once, ${names} names, seed ${seed}`)
  console.log(`Node ${process.version}, ${process.platform}, ${availableParallelism()} processors\n`)
  const print = progress(cycles)
  const { writeHeapSnapshot } = await import('node:v8')
  const outcome = await soak({
    ...given,
    signal: ending.signal,
    progress: (done, reading) => {
      print(done, reading)
      if (snapshots && reading && (done === 1_000 || done === cycles))
        console.log(writeHeapSnapshot(`soak-${done}.heapsnapshot`))
    },
  })
  if (ending.signal.aborted) return ending.signal.reason === 'SIGINT' ? 130 : 143
  return report(outcome) ? 0 : 1
}

try {
  process.exitCode = await main()
} catch (thrown) {
  console.error((thrown as Error).message)
  process.exitCode = 1
}
