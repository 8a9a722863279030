// Measures many children in one host: the time to start and stop them, and the cost of each child.
import { interleave } from '../measuring/harness.mjs'
import { once } from '../measuring/host.mjs'
import { newFolder } from '../measuring/living.mjs'
import { compile } from '../measuring/programs.mjs'
import { median, pairedRatio, valuesOf } from '../measuring/statistics.mjs'
import { missing } from '../peers/list.mjs'
import { cell, ratioCell, spread } from '../showing/tables.mjs'

const LIMIT = 'bare spawn loop'
const TARGET = 500
const LONGEST_MS = 60_000

const METHODS = [
  { name: LIMIT, file: 'bare', packages: [] },
  { name: 'spinner', file: 'spinner', packages: [] },
  { name: 'spinner 0.3.4', file: 'old-spinner', packages: ['spinner-0.3'], rounds: 3, upTo: 1_000 },
  { name: 'pm2', file: 'pm2', packages: ['pm2'], rounds: 2, upTo: 500 },
]

/** Maximum number of rounds per size. The size with a target has no maximum. */
const SIZES = new Map([
  [10, 5],
  [100, 5],
  [TARGET, Number.POSITIVE_INFINITY],
  [1_000, 3],
])

const COLUMNS = [
  'children',
  'method',
  'start (ms)',
  'ratio to limit',
  'stop (ms)',
  'ratio to limit',
  'host memory per child (KB)',
  'ratio to limit',
  'idle CPU (%)',
  'longest stall, start (ms)',
  'longest stall, stop (ms)',
]
const NOTE = `Every sample is a separate host process with C children that listen on unix sockets. The bare loop spawns all children in one turn of the event loop, and each child reports readiness with a byte on fd 3. Start lasts until all children are ready, stop until all are gone. There are at least 11 samples for 500 children, 5 for fewer children, and 3 for 1,000; at most 3 for spinner 0.3.4, and 2 for pm2, which takes seven seconds or more to stop 500. With few children, the memory per child mostly shows the initial growth of V8's heap, divided by the number of children. pm2 is a daemon: memory and CPU are those of the daemon, and its stalls are not measured.`

const DETAILS = [
  { key: 'heap', what: 'JavaScript objects that remain, per child (KB)' },
  { key: 'young', what: "growth of V8's young generation, per child (KB)" },
  { key: 'descriptors', what: 'open files per child' },
  { key: 'spawnsPerTurn', what: 'most spawns in one turn of the event loop' },
  { key: 'timers', what: 'active timers for all idle children' },
  { key: 'fired', what: 'timers fired in half an idle second' },
]

function methodOf({ name, file, packages, rounds }, count, program) {
  const why = missing(...packages)
  const sample = () =>
    why
      ? Promise.reject(new Error(why))
      : once('hosts/many.mjs', [file, count, program.command], ['--expose-gc'])
  return { name, rounds, longestMs: LONGEST_MS, sample }
}

const rowOf = (count, name, results) => {
  const [result, limit] = [results.get(name), results.get(LIMIT)]
  const both = (key) => [cell(result, key), ratioCell(result, limit, key)]
  const [start, ...rest] = both('start')
  if (result.error !== null) return [count, name, start]
  const others = [...both('stop'), ...both('rss'), cell(result, 'cpu')]
  const isElsewhere = name === 'pm2'
  const blocks = ['startBlock', 'stopBlock'].map((key) => (isElsewhere ? '' : cell(result, key)))
  return [count, name, start, ...rest, ...others, ...blocks]
}

const rowsOf = (count, results) =>
  METHODS.map(({ name, upTo = count }) =>
    count > upTo ? [count, name, 'not measured: it would take minutes'] : rowOf(count, name, results),
  )

function detailsOf(results) {
  const names = [LIMIT, 'spinner'].filter((name) => results.get(name).error === null)
  return {
    title: `${TARGET} children, in detail`,
    note: 'The young generation of V8 grows once, because of the work and not because of the number of children. It is a cost of the host; the table divides it by the number of children.',
    columns: ['what', ...names],
    rows: DETAILS.map(({ key, what }) => [
      what,
      ...names.map((name) => spread(valuesOf(results.get(name).samples, key))),
    ]),
  }
}

const CHARTS = [
  { key: 'start', file: 'many-start.svg', title: 'Start many children, until all are ready', y: 'ms' },
  { key: 'stop', file: 'many-stop.svg', title: 'Stop many children, until all are gone', y: 'ms' },
  { key: 'rss', file: 'many-memory.svg', title: 'Host memory per child', y: 'KB per child' },
]

const chartOf = ({ key, ...chart }, measured) => ({
  ...chart,
  kind: 'lines',
  x: 'children',
  series: METHODS.map(({ name }) => ({
    label: name,
    points: measured.map(([count, results]) => [
      count,
      median(valuesOf(results.get(name)?.samples ?? [], key)),
    ]),
  })),
})

function figuresOf(results) {
  const { samples, error } = results.get('spinner')
  const limits = results.get(LIMIT).samples
  const figure = (key) => error ?? pairedRatio(samples, limits, key)
  return { 'many start': figure('start'), 'many stop': figure('stop'), 'many memory': figure('rss') }
}

function unmeasured(why) {
  const keys = ['many start', 'many stop', 'many memory']
  return {
    figures: Object.fromEntries(keys.map((key) => [key, why])),
    tables: [{ title: 'Many children in one host', columns: ['result'], rows: [[`not measured: ${why}`]] }],
  }
}

function measureSize(count, program, rounds) {
  const methods = METHODS.filter(({ upTo = count }) => count <= upTo)
  return interleave(
    `many (${count})`,
    methods.map((method) => methodOf(method, count, program)),
    rounds,
  )
}

export async function measure({ rounds, quick }) {
  const program = compile(newFolder())
  if (process.platform !== 'linux') return unmeasured('the figures are read from /proc')
  if (program.missing) return unmeasured(program.missing)
  const measured = []
  for (const [count, most] of SIZES) {
    if (quick && count > TARGET) continue
    measured.push([count, await measureSize(count, program, Math.min(rounds, most))])
  }
  const results = new Map(measured).get(TARGET)
  return {
    figures: figuresOf(results),
    tables: [
      {
        title: 'Many children in one host',
        note: NOTE,
        columns: COLUMNS,
        rows: measured.flatMap(([count, found]) => rowsOf(count, found)),
      },
      detailsOf(results),
    ],
    charts: CHARTS.map((chart) => chartOf(chart, measured)),
  }
}
