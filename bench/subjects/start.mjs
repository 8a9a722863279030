// From the call to a child that accepts, and from a crash to one that accepts again.
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
const COLUMNS = ['child', 'method', 'ms, median [quartiles]', 'to the limit']
const NOTE =
  'The limit checks nothing; spinner also allocates the address, makes sure that it is its own child that listens, and watches over it. The others run in processes of their own. forever-monitor does not know when a child is ready: wait-on tells.'
const CRASH_NOTE =
  'The child is killed with SIGKILL. That one of pm2 or forever-monitor is gone is seen in /proc, and then a connection, tried every millisecond, or wait-on tells when it is back.'

/** Those that are near the limit need many rounds to be told apart from it. */
const MORE = { node: 3, C: 4 }

const PEERS = [
  { name: 'spinner 0.3.4', file: 'old-spinner', packages: ['spinner-0.3'] },
  { name: 'pm2, wait_ready', file: 'pm2', packages: ['pm2'] },
  { name: 'forever-monitor and wait-on', file: 'forever', packages: ['forever-monitor', 'wait-on'] },
  {
    name: 'the same, wait-on every 10 ms',
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

/** The others, each in its own process. */
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

/** Rows, bars and figures as they come in, for the starts and for the crashes. */
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
      chartOf('start', 'From the call to a child that is ready', start),
      chartOf('crash', 'From a crash to a child that is ready', crash),
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
