import { writeFileSync } from 'node:fs'
import { type Arguments, indexesOf, readArguments, selectFaults, USAGE } from './arguments.ts'
import { endAll, type Failure, faults, type Result, runFault } from './chaos.ts'
import type { Fault } from './fault.ts'
import { markRun, pause } from './processes.ts'
import { Progress } from './progress.ts'
import { render } from './table.ts'

const INTERRUPTED = 130

/** Injections get this long to end after their processes were killed. */
const LAST_MS = 10_000

const progress = new Progress(process.stdout)
const results: Result[] = []
const uncaught: string[] = []
const interruption = new AbortController()

function onUncaught(thrown: unknown): void {
  const text = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)
  uncaught.push(`uncaught: ${text}`)
}

const repeatCommand = (seed: number, name: string, index: number): string =>
  `npm run chaos -- --seed ${seed} --only ${JSON.stringify(name)} --index ${index}`

function printFailure(seed: number, name: string, { index, message }: Failure): void {
  progress.line(`  failed: ${message}`)
  if (index !== null) progress.line(`  repeat:  ${repeatCommand(seed, name, index)}`)
}

async function run(fault: Fault, given: Arguments): Promise<void> {
  let shown = 0
  const onResult = (result: Result): void => {
    if (!results.includes(result)) results.push(result)
    progress.update(result)
    for (; shown < result.failures.length; shown++) {
      printFailure(given.seed, result.name, result.failures[shown] as Failure)
    }
  }
  const indexes = indexesOf(fault, given)
  const { signal } = interruption
  const result = await runFault(fault, {
    seed: given.seed,
    indexes,
    onResult,
    signal,
    uncaught: () => uncaught.splice(0),
  })
  if (!results.includes(result)) results.push(result)
  for (; shown < result.failures.length; shown++) {
    printFailure(given.seed, result.name, result.failures[shown] as Failure)
  }
}

/** Prints the table and the totals. Returns whether every guarantee held. */
function summarize(given: Arguments): boolean {
  const notes = results.filter(({ note }) => note !== '').map(({ name, note }) => `${name}: ${note}`)
  progress.line(['', render(results), ...(notes.length > 0 ? ['', ...notes] : [])].join('\n'))
  const broken = results.reduce((sum, { failures }) => sum + failures.length, 0)
  const done = results.reduce((sum, result) => sum + result.done, 0)
  progress.line(`\n${done} injections of ${results.length} faults, ${broken} failed, seed ${given.seed}`)
  if (given.json !== null) writeFileSync(given.json, JSON.stringify({ seed: given.seed, results }, null, 2))
  return broken === 0
}

/** Kills all processes until the run has ended, because the run may start more. Prints what was done, and exits. */
async function interrupt(running: Promise<void>, given: Arguments): Promise<never> {
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
  summarize(given)
  process.exit(INTERRUPTED)
}

async function runAll(all: readonly Fault[], given: Arguments): Promise<void> {
  for (const fault of all) if (!interruption.signal.aborted) await run(fault, given)
}

async function main(): Promise<void> {
  const given = readArguments(process.argv.slice(2))
  const all = selectFaults(faults, given)
  if (given.help) return progress.line(USAGE)
  if (given.list)
    return progress.line(all.map(({ name, times }) => `${String(times).padStart(5)}  ${name}`).join('\n'))
  if (all.length === 0) throw new Error(`no fault has '${given.only}' in its name; --list prints all names`)
  markRun()
  process.on('uncaughtException', onUncaught)
  process.on('unhandledRejection', onUncaught)
  progress.line(`seed ${given.seed}`)
  let running = Promise.resolve()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (!interruption.signal.aborted) void interrupt(running, given)
    })
  }
  running = runAll(all, given)
  await running
  if (!interruption.signal.aborted) process.exitCode = summarize(given) ? 0 : 1
}

main().catch((thrown) => {
  console.error(thrown instanceof Error ? thrown.message : thrown)
  process.exitCode = 1
})
