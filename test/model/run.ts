// Runs the long form of the model: `npm run model -- --runs 1000000 --seed N --workers 2`. See --help.
import { type ChildProcess, fork } from 'node:child_process'
import path from 'node:path'
import { parseArgs } from 'node:util'

/** A report of a worker: its progress, and at the end what it found. */
export interface Report {
  readonly runs: number
  readonly commands: number
  readonly heap: number
  readonly done: boolean
  /** A shrunk counterexample; `null` while none was found. */
  readonly mismatch: { readonly seed: number; readonly path: string; readonly text: string } | null
}

const HELP = `npm run model -- [options]

Applies random commands to spinner and to a reference model of it, and compares the two.

  --runs N      number of runs (default: 1000)
  --seed N      seed of all random choices (default: a new one in each run)
  --workers N   number of processes that share the runs (default: 2)
  --path P      repeat one counterexample of this seed; a failure prints its path
  --help        print this help
`

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '1000' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
    workers: { type: 'string', default: '2' },
    path: { type: 'string', default: '' },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) {
  console.log(HELP)
  process.exit(0)
}

const isRepetition = values.path !== ''
const runs = Number(values.runs)
const seed = Number(values.seed)
const workers = isRepetition ? 1 : Math.max(1, Math.min(Number(values.workers), runs))
if (![runs, seed, workers].every(Number.isSafeInteger) || runs < 1) {
  console.error(`--runs, --seed and --workers must be integers, and --runs >= 1.\n\n${HELP}`)
  process.exit(1)
}

const begun = Date.now()
const reports = new Map<ChildProcess, Report>()
const program = path.join(import.meta.dirname, 'worker.js')

for (let worker = 0; worker < workers; worker++) {
  const share = Math.floor(runs / workers) + (worker < runs % workers ? 1 : 0)
  const args = [String(share), String(seed + worker), values.path]
  const child = fork(program, args, { execArgv: ['--expose-gc', '--enable-source-maps'] })
  reports.set(child, { runs: 0, commands: 0, heap: 0, done: false, mismatch: null })
  child.on('message', (report: Report) => onReport(child, report))
  child.on('exit', (code, signal) => onExit(child, signal ?? code ?? 1))
}

const interval = setInterval(printProgress, process.stdout.isTTY ? 1_000 : 30_000)
let exitCode = 0
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => {
    exitCode = 130
    for (const child of reports.keys()) child.kill()
  })

function sum(of: (report: Report) => number): number {
  return [...reports.values()].reduce((total, report) => total + of(report), 0)
}

function printProgress(): void {
  const done = sum((report) => report.runs)
  const seconds = (Date.now() - begun) / 1_000
  const perSecond = done / seconds
  const left = perSecond > 0 ? (runs - done) / perSecond / 60 : 0
  const heap = sum((report) => report.heap) / 1e6 / workers
  const line = `${done} of ${runs} runs, ${perSecond.toFixed(0)} per second, ${left.toFixed(1)} minutes left, heap ${heap.toFixed(1)} MB`
  if (process.stdout.isTTY) process.stdout.write(`\r\x1b[K${line}`)
  else console.log(line)
}

function onReport(child: ChildProcess, report: Report): void {
  reports.set(child, report)
  const { mismatch } = report
  if (!mismatch) return
  console.log(`\n${mismatch.text}`)
  console.log(`\nTo repeat it: npm run model -- --seed ${mismatch.seed} --path ${mismatch.path}`)
  for (const other of reports.keys()) if (other !== child) other.kill()
}

const ended = new Set<ChildProcess>()

function onExit(child: ChildProcess, how: number | NodeJS.Signals): void {
  ended.add(child)
  if (how !== 0 && !reports.get(child)?.done && exitCode === 0 && mismatches() === 0) {
    console.log(`A worker ended with ${how}.`)
    exitCode = 1
    for (const other of reports.keys()) other.kill()
  }
  if (ended.size === workers) finish()
}

function mismatches(): number {
  return sum(({ mismatch }) => (mismatch ? 1 : 0))
}

function finish(): void {
  clearInterval(interval)
  if (process.stdout.isTTY) console.log()
  const minutes = ((Date.now() - begun) / 60_000).toFixed(1)
  const played = sum((report) => report.runs)
  const commands = sum((report) => report.commands)
  console.log(
    `model: ${played} runs, ${commands} commands, seed ${seed}, ${workers} workers, ${minutes} minutes, ${mismatches()} mismatches`,
  )
  process.exitCode = mismatches() > 0 ? 1 : exitCode
}
