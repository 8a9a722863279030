// Runs the measurements: all, or those that are named. See --help.
import { execFileSync, fork } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { cleanEnvironment, progress, render } from './harness.mjs'

const SUBJECTS = ['start', 'touch', 'many', 'save', 'sampling', 'nginx', 'gateway']
const ROUNDS = 11
const QUICK_ROUNDS = 5
const LONGEST_SUBJECT_MS = 200_000
const PAGE = path.join(import.meta.dirname, '../docs/benchmarks.md')

const HELP = `Usage: npm run bench -- [--quick] [--rounds N] [--children N] [${SUBJECTS.join('] [')}]

Measures the library side by side with the limit: a bare child_process.spawn that does nothing else.
Without names all subjects run, and docs/benchmarks.md is written.

  start        start to ready, and crash to ready, of a Node child and of a C child
  touch        what a call on a started child costs
  many         500 children: start, stop, memory, timers
  save         from an atomic save to the restart
  sampling     the memory of 1,000 children
  gateway      requests through the gateway, next to nginx and two libraries
  nginx        from ready children to an nginx that serves by it, and how many reloads that takes

  --quick      ${QUICK_ROUNDS} rounds instead of ${ROUNDS}; writes no page
  --rounds N   that many rounds; writes no page unless there are at least ${ROUNDS}
  --children N how many children \`many\` starts
  --help       this text
`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    children: { type: 'string', default: '500' },
    help: { type: 'boolean', default: false },
  },
})
const rounds = Number(values.rounds ?? (values.quick ? QUICK_ROUNDS : ROUNDS))

/** In a process and an environment of its own, so that neither the caller's nor another subject's weighs in. */
function inOwnProcess(subject) {
  return new Promise((resolve) => {
    const failed = (why) => [
      { title: subject, columns: ['result', ''], rows: [[`failed: ${why}`, 'not reached']] },
    ]
    const worker = fork(import.meta.filename, [...process.argv.slice(2)], {
      env: { ...cleanEnvironment(), BENCH_SUBJECT: subject },
      execArgv: subject === 'gateway' ? ['--expose-gc'] : [],
    })
    const timer = setTimeout(() => {
      resolve(failed(`took longer than ${LONGEST_SUBJECT_MS / 1_000} s`))
      worker.kill()
    }, LONGEST_SUBJECT_MS)
    worker.once('message', resolve)
    worker.once('exit', (code) => {
      clearTimeout(timer)
      resolve(failed(`its process ended with ${code}`))
    })
  })
}

async function work(subject) {
  process.once('SIGTERM', () => process.exit(1))
  // Nothing but the measurement is left in the environment that the children inherit.
  delete process.env.BENCH_SUBJECT
  const { measure } = await import(`./${subject}.mjs`)
  const tables = await measure({ rounds, count: Number(values.children) })
  process.send(tables, () => process.exit(0))
}

function machine() {
  const [cpu] = os.cpus()
  const memory = Math.round(os.totalmem() / 2 ** 30)
  return `${os.availableParallelism()} cores (${cpu?.model ?? 'unknown'}), ${memory} GB, ${os.type()} ${os.release().split('-', 1)[0]}`
}

function compiler() {
  try {
    return execFileSync('cc', ['--version'], { encoding: 'utf8' }).split('\n', 1)[0]
  } catch {
    return 'none'
  }
}

function page(tables) {
  return `# Benchmarks

This page is written by \`npm run bench\`; do not edit it.

- Date: ${new Date().toISOString().slice(0, 10)}
- Node: ${process.version}
- Machine: ${machine()}
- C compiler: ${compiler()}
- Rounds: at least ${rounds} for each method

## How to read this

Each table puts the library beside **the limit**: the least that any program in this Node must spend. That is a plain
\`child_process.spawn\` whose child writes one byte to a pipe as soon as it listens. The limit checks nothing and remembers nothing.

The methods take turns in a random order, round after round, so that a busy moment of the machine hits all of them. A time
is the median of all rounds, with the two quartiles in brackets. **Read the ratio, not the time**: it is taken within each round, and
it is the median of those. A ratio between 0.9 and 1.1 is inside the noise. A method that fails is shown as failed.

${tables.map(render).join('\n')}`
}

async function main() {
  const unknown = positionals.filter((name) => !SUBJECTS.includes(name))
  if (unknown.length > 0 || !Number.isInteger(rounds) || rounds < 1) {
    console.error(
      unknown.length > 0 ? `There is no subject '${unknown[0]}'.\n` : '`--rounds` must be a number.\n',
    )
    console.error(HELP)
    process.exit(2)
  }
  const names = positionals.length > 0 ? positionals : SUBJECTS
  const tables = []
  for (const name of names) {
    progress(`${name} begins`)
    const measured = await inOwnProcess(name)
    tables.push(...measured)
    console.log(measured.map(render).join('\n'))
  }
  const complete = SUBJECTS.every((name) => names.includes(name))
  if (complete && rounds >= ROUNDS) {
    writeFileSync(PAGE, page(tables))
    progress('docs/benchmarks.md is written')
  }
}

if (values.help) console.log(HELP)
else if (process.env.BENCH_SUBJECT) await work(process.env.BENCH_SUBJECT)
else await main()
