// Runs all subjects, or the named ones. See --help.
import path from 'node:path'
import { parseArgs } from 'node:util'
import { firstLine, progress } from './measuring/harness.mjs'
import { measureApart } from './measuring/worker.mjs'
import { machine } from './showing/machine.mjs'
import { pageOf, writePage } from './showing/page.mjs'
import { summaryOf, targetsOf } from './showing/summary.mjs'
import { render } from './showing/tables.mjs'
import { SUBJECTS } from './subjects.mjs'
import { TARGETS } from './targets.mjs'

const ROUNDS = 11
const QUICK_ROUNDS = 3
const DOCS = path.join(import.meta.dirname, '../docs')
const names = Object.keys(SUBJECTS)

const HELP = `Usage: npm run bench -- [options] [name...]

Compares the library with the limit, a bare child_process.spawn that does nothing else, and with other programs.
Without names, runs all subjects and writes docs/benchmarks.md with its charts.

${names.map((name) => `  ${name.padEnd(12)} ${SUBJECTS[name].what}`).join('\n')}

  --quick      run ${QUICK_ROUNDS} rounds instead of ${ROUNDS}, with the smaller sizes; do not write the page
  --rounds N   run N rounds; do not write the page if N is less than ${ROUNDS}
  --into DIR   write the page and its charts to DIR, even if only some subjects ran
  --json       print the results as JSON
  --help       print this text
`

function read(args) {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      quick: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      into: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  const unknown = positionals.find((name) => !names.includes(name))
  if (unknown !== undefined) throw new Error(`There is no subject '${unknown}'.`)
  const rounds = Number(values.rounds ?? (values.quick ? QUICK_ROUNDS : ROUNDS))
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error('`--rounds` must be an integer >= 1.')
  return { ...values, rounds, subjects: positionals.length > 0 ? positionals : names }
}

function failure(subject, thrown) {
  const why = `failed: ${firstLine(thrown)}`
  const keys = Object.keys(targetsOf(TARGETS, [subject]))
  const figures = Object.fromEntries(keys.map((key) => [key, why]))
  return { figures, tables: [{ title: subject, columns: ['result'], rows: [[why]] }], charts: [] }
}

async function measure(subject, { rounds, quick }, signal) {
  const began = performance.now()
  progress(`${subject} starts`)
  const flags = SUBJECTS[subject].flags ?? []
  const result = await measureApart(subject, { rounds, quick }, flags, signal).catch((thrown) =>
    failure(subject, thrown),
  )
  progress(`${subject} took ${((performance.now() - began) / 1_000).toFixed(0)} s`)
  return result
}

function show(results, about, { json, rounds, subjects }) {
  if (json) return console.log(JSON.stringify({ about, rounds, results }))
  const targets = targetsOf(TARGETS, subjects)
  if (Object.keys(targets).length === 0) return
  const figures = Object.assign({}, ...results.map((result) => result.figures))
  console.log(render({ title: 'Targets', ...summaryOf(targets, figures) }))
}

/** Returns the directory for the page; null if the page is incomplete and must not replace a complete one. */
function folderOf({ into, quick, rounds, subjects }) {
  if (into !== undefined) return path.resolve(into)
  const isWhole = !quick && rounds >= ROUNDS && names.every((name) => subjects.includes(name))
  return isWhole ? DOCS : null
}

async function main(options, signal) {
  const results = []
  for (const subject of options.subjects) {
    const result = await measure(subject, options, signal)
    if (signal.aborted) return
    results.push(result)
    if (!options.json) console.log(result.tables.map(render).join('\n'))
  }
  const about = machine()
  show(results, about, options)
  const folder = folderOf(options)
  if (folder === null) return
  writePage(folder, pageOf(results, about, options.rounds), results)
  progress(`${path.join(folder, 'benchmarks.md')} was written`)
}

function readOrExplain(args) {
  try {
    return read(args)
  } catch (thrown) {
    console.error(`${firstLine(thrown)}\n\n${HELP}`)
    process.exit(2)
  }
}

const options = readOrExplain(process.argv.slice(2))
const controller = new AbortController()
// End and sweep the current subject first, then exit with the code of the signal.
for (const [signal, code] of Object.entries({ SIGINT: 130, SIGTERM: 143 })) {
  process.on(signal, () => {
    process.exitCode = code
    controller.abort()
  })
}
if (options.help) console.log(HELP)
else await main(options, controller.signal)
