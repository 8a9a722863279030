// Many children in one host: how long they take to start and to stop, and what each of them costs.
import { fork } from 'node:child_process'
import path from 'node:path'
import { compile, interleave, newFolder, number, pairedRatio, summary, verdict } from './harness.mjs'

const COLUMNS = ['what', 'bare spawn loop', 'spinner', 'ratio or value', 'target', '']
const HOST = path.join(import.meta.dirname, 'many-host.mjs')

/** One host process, from its start to its end. */
function host(method, count, program) {
  return () =>
    new Promise((resolve, reject) => {
      const options = { execArgv: ['--expose-gc'], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] }
      const process = fork(HOST, [method, String(count), program.command], options)
      process.once('message', resolve)
      process.once('exit', (code) => reject(new Error(`the host process ended with ${code}`)))
    })
}

/** Rows that are compared with the limit, and rows whose value itself counts. */
const RATIOS = [
  { key: 'start', what: 'start all, until all are ready (ms)', target: 1.25 },
  { key: 'stop', what: 'stop all, until all are gone (ms)', target: 1.25 },
  { key: 'rss', what: 'memory (RSS) of the host for each child (KB)', target: 1.4 },
  { key: 'heap', what: 'of this, JavaScript objects that stay (KB)' },
  { key: 'young', what: "of this, growth of V8's young generation (KB)", incomparable: true },
]
const VALUES = [
  { key: 'spawnsPerTurn', what: 'most spawns in one turn of the loop', target: 1 },
  { key: 'timers', what: 'timers armed for all idle children', limit: (count) => Math.max(1, count / 100) },
  { key: 'fired', what: 'timers fired in one idle second', limit: () => 1 },
  { key: 'startBlock', what: 'longest block of the loop while starting (ms)' },
  { key: 'stopBlock', what: 'longest block of the loop while stopping (ms)' },
]

export async function measure({ rounds, count = 500 }) {
  const title = `${count} C children in one host`
  const program = compile(newFolder())
  if (program.missing) return [{ title, columns: COLUMNS, rows: [['all', '', '', program.missing]] }]
  const methods = ['bare', 'spinner'].map((name) => ({ name, sample: host(name, count, program) }))
  const results = await interleave(`many (${count})`, methods, rounds)
  const [bare, spinner] = ['bare', 'spinner'].map((name) => results.get(name))
  const error = bare.error ?? spinner.error
  const failure = error === null ? [] : [['all', '', '', `failed: ${error}`, '', 'not reached']]
  const note =
    'Every sample is a host process of its own. The children listen on unix sockets. The bare loop spawns all of them in one turn, and learns from a byte on fd 3 that they are ready. The young generation of V8 grows once, with the work done and not with the children: it is a cost of the host that is shared out here.'
  const rows = [
    ...RATIOS.map((row) => ratioRow(row, bare.samples, spinner.samples)),
    ...VALUES.map((row) => valueRow(row, count, bare.samples, spinner.samples)),
    ...failure,
  ]
  return [{ title, note, columns: COLUMNS, rows }]
}

function spread(samples, key) {
  const values = summary(samples.map((sample) => sample[key]))
  return values ? `${number(values.median)} [${number(values.q1)}..${number(values.q3)}]` : 'no sample'
}

function ratioRow({ key, what, target, incomparable }, bare, spinner) {
  if (incomparable) return [what, spread(bare, key), spread(spinner, key)]
  const ratio = pairedRatio(spinner, bare, key)
  const shown = ratio === null ? 'no ratio' : `x${ratio.toFixed(2)}`
  const cells = [what, spread(bare, key), spread(spinner, key), shown]
  return target ? [...cells, `<= x${target}`, verdict(ratio, target)] : cells
}

/** The worst sample counts here, not the median: one stray timer or burst is one too many. */
function valueRow({ key, what, target, limit }, count, bare, spinner) {
  const most = spinner.length > 0 ? Math.max(...spinner.map((sample) => sample[key])) : null
  const bound = target ?? limit?.(count)
  const cells = [
    what,
    spread(bare, key),
    spread(spinner, key),
    most === null ? 'no sample' : `at most ${number(most)}`,
  ]
  return bound === undefined ? cells : [...cells, `<= ${bound}`, verdict(most, bound)]
}
