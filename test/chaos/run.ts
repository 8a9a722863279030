import { writeFileSync } from 'node:fs'
import { type Asked, chosen, indexesOf, readArguments, USAGE } from './arguments.ts'
import { endAll, type Failure, faults, type Result, runFault } from './chaos.ts'
import type { Fault } from './fault.ts'
import { markRun, pause } from './processes.ts'
import { Progress } from './progress.ts'
import { render } from './table.ts'

const INTERRUPTED = 130

/** What is under way gets so long to end once its processes are killed. */
const LAST_MS = 10_000

const progress = new Progress(process.stdout)
const results: Result[] = []
const strays: string[] = []
const interruption = new AbortController()

function stray(thrown: unknown): void {
  const text = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)
  strays.push(`caught by nobody: ${text}`)
}

const repeats = (seed: number, name: string, index: number): string =>
  `npm run chaos -- --seed ${seed} --only ${JSON.stringify(name)} --index ${index}`

function tellFailure(seed: number, name: string, { index, message }: Failure): void {
  progress.line(`  not held: ${message}`)
  if (index !== null) progress.line(`  again by: ${repeats(seed, name, index)}`)
}

async function run(fault: Fault, asked: Asked): Promise<void> {
  let shown = 0
  const tell = (result: Result): void => {
    if (!results.includes(result)) results.push(result)
    progress.tell(result)
    for (; shown < result.failures.length; shown++) {
      tellFailure(asked.seed, result.name, result.failures[shown] as Failure)
    }
  }
  const indexes = indexesOf(fault, asked)
  const { signal } = interruption
  const result = await runFault(fault, {
    seed: asked.seed,
    indexes,
    tell,
    signal,
    strays: () => strays.splice(0),
  })
  if (!results.includes(result)) results.push(result)
  for (; shown < result.failures.length; shown++) {
    tellFailure(asked.seed, result.name, result.failures[shown] as Failure)
  }
}

/** What has been done so far, and whether all of it held. */
function conclude(asked: Asked): boolean {
  const notes = results.filter(({ note }) => note !== '').map(({ name, note }) => `${name}: ${note}`)
  progress.line(['', render(results), ...(notes.length > 0 ? ['', ...notes] : [])].join('\n'))
  const broken = results.reduce((sum, { failures }) => sum + failures.length, 0)
  const done = results.reduce((sum, result) => sum + result.done, 0)
  progress.line(`\n${done} injections of ${results.length} faults, ${broken} not held, seed ${asked.seed}`)
  if (asked.json !== null) writeFileSync(asked.json, JSON.stringify({ seed: asked.seed, results }, null, 2))
  return broken === 0
}

/** Ends what is under way, again and again since it may start more, until it has given up. */
async function interrupt(running: Promise<void>, asked: Asked): Promise<never> {
  interruption.abort()
  let ended = false
  void running.finally(() => {
    ended = true
  })
  const deadline = performance.now() + LAST_MS
  while (!ended && performance.now() < deadline) {
    await endAll()
    await pause(50)
  }
  await endAll()
  conclude(asked)
  process.exit(INTERRUPTED)
}

async function runAll(all: readonly Fault[], asked: Asked): Promise<void> {
  for (const fault of all) if (!interruption.signal.aborted) await run(fault, asked)
}

async function main(): Promise<void> {
  const asked = readArguments(process.argv.slice(2))
  const all = chosen(faults, asked)
  if (asked.help) return progress.line(USAGE)
  if (asked.list)
    return progress.line(all.map(({ name, times }) => `${String(times).padStart(5)}  ${name}`).join('\n'))
  if (all.length === 0) throw new Error(`No fault has '${asked.only}' in its name; --list names them all.`)
  markRun()
  process.on('uncaughtException', stray)
  process.on('unhandledRejection', stray)
  progress.line(`seed ${asked.seed}`)
  let running = Promise.resolve()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (!interruption.signal.aborted) void interrupt(running, asked)
    })
  }
  running = runAll(all, asked)
  await running
  if (!interruption.signal.aborted) process.exitCode = conclude(asked) ? 0 : 1
}

main().catch((thrown) => {
  console.error(thrown instanceof Error ? thrown.message : thrown)
  process.exitCode = 1
})
