import { parseArgs } from 'node:util'
import { allCases, type Case, nameOf, randomFrom } from './cases.ts'
import { type Result, Runner } from './runner.ts'

const HELP = `npm run faults -- [options]

Makes each call to the system fail, one at a time, and checks what spinner leaves behind.

  --only TEXT   only the cases whose name contains TEXT
  --seed N      seed for the choice of calls if a function is called often (default: a new one in each run)
  --jobs N      number of cases that run at the same time (default: 6)
  --list        print the names of the cases and run none
  --help        print this help`

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 1e6)) },
    jobs: { type: 'string', default: '6' },
    list: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

/** Prints the progress: on a terminal in one line that changes, elsewhere in a new line from time to time. */
function progress(done: number, all: number, broken: number): void {
  const line = `${done} of ${all} cases, ${broken} to repeat`
  if (process.stdout.isTTY) process.stdout.write(`\r\x1b[2K${line}`)
  else if (done % 100 === 0) console.log(line)
}

function table(results: readonly Result[]): void {
  const rows = new Map<string, { cases: number; reached: number; held: number }>()
  for (const { broken, case: given, reached } of results) {
    for (const name of [given.injection.seam, 'all']) {
      const row = rows.get(name) ?? { cases: 0, reached: 0, held: 0 }
      rows.set(name, row)
      row.cases++
      if (reached) row.reached++
      if (reached && !broken) row.held++
    }
  }
  const width = Math.max(...[...rows.keys()].map((name) => name.length))
  const line = (name: string, ...cells: (string | number)[]): void =>
    console.log(name.padEnd(width), ...cells.map((cell) => String(cell).padStart(8)))
  line('failing call', 'cases', 'reached', 'held')
  for (const [name, { cases, held, reached }] of [...rows].sort(([a], [b]) => order(a, b)))
    line(name, cases, reached, held)
}

const order = (a: string, b: string): number =>
  Number(a === 'all') - Number(b === 'all') || a.localeCompare(b)

async function main(): Promise<void> {
  if (values.help) return console.log(HELP)
  const startedAt = Date.now()
  const cases = (await allCases(randomFrom(Number(values.seed)))).filter((one) =>
    nameOf(one).includes(values.only),
  )
  console.log(`seed ${values.seed}: ${cases.length} cases, ${values.jobs} at once`)
  if (values.list) return void cases.map((one: Case) => console.log(nameOf(one)))
  const runner = new Runner()
  let [done, broken] = [0, 0]
  process.once('SIGINT', () => runner.stop())
  await runner.run(cases, Number(values.jobs), (result) => {
    if (result.broken) broken++
    progress(++done, cases.length, broken)
  })
  if (process.stdout.isTTY) process.stdout.write('\r\x1b[2K')
  table(runner.results)
  for (const failure of runner.failures) console.log(`\nFAILED ${failure}`)
  console.log(
    `\n${runner.failures.length} failed, ${Math.round((Date.now() - startedAt) / 1_000)} s, seed ${values.seed}`,
  )
  process.exitCode = runner.failures.length > 0 ? 1 : 0
}

await main()
