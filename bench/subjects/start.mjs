// Measures the time from the call to a child that accepts connections, and from a crash to a child that accepts again.
import { once } from 'node:events'
import { createSpinner } from '../../dist/index.js'
import { transports } from '../measuring/addresses.mjs'
import { bareSpawn, clear, whenReady } from '../measuring/bare.mjs'
import { interleave } from '../measuring/harness.mjs'
import { end, newFolder } from '../measuring/living.mjs'
import { compile, NODE } from '../measuring/programs.mjs'
import { median, pairedRatio, valuesOf } from '../measuring/statistics.mjs'
import { openPeer } from '../peers/list.mjs'
import { cell, ratioCell } from '../showing/tables.mjs'

const LIMIT = 'bare spawn, one byte on fd 3'
const COLUMNS = ['child', 'method', 'ms, median [quartiles]', 'ratio to limit']
const NOTE =
  'The limit checks nothing. spinner also allocates the address, verifies that its own child listens there, and supervises the child. The other programs run in separate processes. forever-monitor does not detect readiness, so wait-on detects it.'
const CRASH_NOTE =
  'The child is killed with SIGKILL. For pm2 and forever-monitor, the benchmark first waits until /proc shows that the process is gone. Then it waits until a connection succeeds (pm2, tried every millisecond) or wait-on reports the child (forever-monitor).'

/** Factor for the number of rounds: methods near the limit need many rounds to be distinguished from it. */
const MORE = { node: 3, C: 4 }

const PEERS = [
  { name: 'spinner 0.3.4', file: 'old-spinner', packages: ['spinner-0.3'] },
  { name: 'pm2, wait_ready', file: 'pm2', packages: ['pm2'] },
  { name: 'forever-monitor and wait-on', file: 'forever', packages: ['forever-monitor', 'wait-on'] },
  {
    name: 'forever-monitor, wait-on every 10 ms',
    file: 'forever',
    packages: ['forever-monitor', 'wait-on'],
    settings: { interval: 10, window: 0 },
  },
]

const clock = () => performance.now()

function bare(program, newAddress, tells) {
  return async () => {
    const port = await newAddress()
    const began = clock()
    const first = bareSpawn(program, port, tells)
    await whenReady(first, port, tells)
    const start = clock() - began
    const again = once(first, 'exit').then(() => {
      clear(port)
      return bareSpawn(program, port, tells)
    })
    const crashed = clock()
    process.kill(first.pid, 'SIGKILL')
    const second = await again
    await whenReady(second, port, tells)
    const crash = clock() - crashed
    await end(second)
    clear(port)
    return { start, crash }
  }
}

function spun(spinner, program, listen, label) {
  let count = 0
  return async () => {
    const name = `${label}-${count++}`
    const began = clock()
    const child = spinner.start({ name, ...program, listen })
    await child
    const start = clock() - began
    const again = new Promise((resolve, reject) => {
      child.once('restarted', resolve)
      child.once('faulted', reject)
    })
    const crashed = clock()
    process.kill(child.pid, 'SIGKILL')
    await again
    const crash = clock() - crashed
    await child.stop()
    return { start, crash }
  }
}

/** Starts the other programs, each in its own process. */
const openPeers = () =>
  Promise.all(
    PEERS.map(async ({ name, file, packages, settings = {} }) => ({
      name,
      host: await openPeer(packages, 'hosts/peer.mjs', [file, JSON.stringify(settings)]),
    })),
  )

function methodsOf({ spinner, peers, program, rounds }, { transport, listen, newAddress }, kind) {
  return [
    { name: LIMIT, sample: bare(program, newAddress, true) },
    { name: 'bare spawn, connect every 1 ms', sample: bare(program, newAddress, false) },
    { name: 'spinner', sample: spun(spinner, program, listen, `${kind}-${transport}`) },
    ...peers.map(({ name, host }) => ({
      name,
      rounds,
      sample: async () => host.ask('startAndCrash', program, await newAddress()),
    })),
  ]
}

const rowsOf = (label, key, methods, results) =>
  methods.map(({ name }) => {
    const result = results.get(name)
    return [label, name, cell(result, key), ratioCell(result, results.get(LIMIT), key)]
  })

const barsOf = (label, key, methods, results) => ({
  label,
  bars: methods.map(({ name }) => {
    const { samples, error } = results.get(name)
    return { label: name, value: median(valuesOf(samples, key)), missing: error }
  }),
})

async function measureAll(given, found) {
  for (const [kind, program] of Object.entries({ node: NODE, C: compile(newFolder()) })) {
    for (const place of transports()) {
      const label = `${kind}, ${place.transport}`
      const methods = methodsOf({ ...given, program }, place, kind)
      if (program.missing) {
        found.miss(label, `${kind} ${place.transport}`, program.missing)
        continue
      }
      await interleave(`start: ${label}, warming up`, methods, 1)
      const results = await interleave(`start: ${label}`, methods, given.rounds * MORE[kind])
      found.add(label, `${kind} ${place.transport}`, methods, results)
    }
  }
}

/** Collects rows, bars and figures, for the starts and for the crashes. */
function newFindings() {
  const kinds = { start: { rows: [], groups: [] }, crash: { rows: [], groups: [] } }
  const figures = {}
  return {
    kinds,
    figures,
    miss(label, key, why) {
      for (const [kind, { rows }] of Object.entries(kinds)) {
        rows.push([label, '', `not measured: ${why}`])
        figures[`${kind} ${key}`] = why
      }
    },
    add(label, key, methods, results) {
      const { samples, error } = results.get('spinner')
      for (const [kind, { rows, groups }] of Object.entries(kinds)) {
        rows.push(...rowsOf(label, kind, methods, results))
        groups.push(barsOf(label, kind, methods, results))
        figures[`${kind} ${key}`] = error ?? pairedRatio(samples, results.get(LIMIT).samples, kind)
      }
    },
  }
}

export async function measure({ rounds }) {
  const spinner = createSpinner({ logger: null, stdout: null, stderr: null })
  const peers = await openPeers()
  const found = newFindings()
  await measureAll({ spinner, peers, rounds }, found)
  for (const { host } of peers) host.end()
  await spinner.close()
  const { start, crash } = found.kinds
  return {
    figures: found.figures,
    tables: [
      { title: 'Start to ready', note: NOTE, columns: COLUMNS, rows: start.rows },
      { title: 'Crash to ready again', note: CRASH_NOTE, columns: COLUMNS, rows: crash.rows },
    ],
    charts: [
      chartOf('start', 'From the start call to a ready child', start),
      chartOf('crash', 'From a crash to a ready child', crash),
    ],
  }
}

const chartOf = (name, title, { groups }) => ({
  file: `${name}.svg`,
  kind: 'bars',
  title,
  unit: 'ms',
  log: true,
  groups,
})
