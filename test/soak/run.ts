import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { type Figure, figuresOf } from './figures.ts'
import type { Reading } from './reading.ts'
import { type Outcome, soak } from './soak.ts'

const HELP = `npm run soak -- [options]

Starts and stops children over and over and looks whether anything is left of them.

  --cycles N    how many times a child is started, ready and stopped (10000)
  --at-once N   how many at the same time (8)
  --names N     how many names they share (100)
  --seed N      the order (the time)
  --snapshots   writes a heap snapshot after 1000 cycles and one at the end
  --help
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
    throw new Error(`--${option} must be a whole number of at least ${least}, but it is '${values[option]}'.`)
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

const told = ({ descriptors, heap, rss, listeners }: Reading): string =>
  `${descriptors.length} descriptors, heap ${(heap / MB).toFixed(2)} MB, resident ${(rss / MB).toFixed(1)} MB, ${listeners} listeners`

const passed = (): string => `${((performance.now() - begun) / 1_000).toFixed(0)} s`

/** On a terminal one line that changes; elsewhere only what was read. */
function progress(cycles: number): (done: number, reading: Reading | null) => void {
  const { isTTY } = process.stdout
  return (done, reading) => {
    if (reading)
      console.log(`${isTTY ? '\r\x1b[K' : ''}${done} of ${cycles} in ${passed()}: ${told(reading)}`)
    else if (isTTY && done % 10 === 0) process.stdout.write(`\r\x1b[K${done} of ${cycles}, ${passed()}`)
  }
}

function table(figures: readonly Figure[]): string {
  const rows = figures.map(({ what, promised, was, verdict }) => [verdict, what, was, promised])
  const wide = [0, 1, 2].map((column) => Math.max(...rows.map((row) => (row[column] as string).length)))
  return rows.map((row) => row.map((cell, column) => cell.padEnd(wide[column] ?? 0)).join('  ')).join('\n')
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
  const tell = progress(cycles)
  const { writeHeapSnapshot } = await import('node:v8')
  const outcome = await soak({
    ...given,
    signal: ending.signal,
    progress: (done, reading) => {
      tell(done, reading)
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
