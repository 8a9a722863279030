// Measures the cost of a proxy: the gateway, nginx and two libraries, in front of the same Node program on a unix socket.
import path from 'node:path'
import { createGateway } from '../../dist/gateway/index.js'
import { createSpinner } from '../../dist/index.js'
import { freePort } from '../measuring/addresses.mjs'
import { interleave } from '../measuring/harness.mjs'
import { newHost } from '../measuring/host.mjs'
import { NGINX, newApp, newProxy } from '../measuring/http.mjs'
import { idleSockets, SOCKETS } from '../measuring/idle-sockets.mjs'
import { newFolder } from '../measuring/living.mjs'
import { CONNECTIONS, LOAD, latency, SECONDS, SEQUENCE, throughput } from '../measuring/load.mjs'
import { median, pairedRatio, valuesOf } from '../measuring/statistics.mjs'
import { missing } from '../peers/list.mjs'
import { cell, number, spread, times } from '../showing/tables.mjs'

const ROUTES = 10_000
const DIRECT = 'no proxy: the app itself, on a port'
const PROXY = 'nginx, keepalive 64'
const LIMIT = 'undici'
const PEERS = ['httpxy', 'http-proxy-3'].filter((kind) => !missing(kind))
const KINDS = [LIMIT, 'spinner', 'httpxy', 'http-proxy-3']
const isHere = (kind) => kind === LIMIT || kind === 'spinner' || PEERS.includes(kind)

const COLUMNS = [
  'method',
  'requests/s, median [quartiles]',
  'ratio to nginx',
  'ratio to httpxy',
  'proxy CPU, us/request',
  'p50 added (us)',
  'p99 added (us)',
  'memory per idle WebSocket (KB)',
]
const NOTE = `Behind each proxy runs one Node program on a unix socket. The gateway is built on undici; the row of undici has none of the gateway's rules. ${LOAD} sends requests on ${CONNECTIONS} keep-alive connections for ${SECONDS} s. Then ${SEQUENCE} requests follow one after another on one connection; the added time is the difference to the same requests without a proxy. For the memory, each proxy holds ${SOCKETS} idle WebSockets open in a new process. The proxies, the app and the load generator share the cores of this machine.`

async function kilobytesOfRoute() {
  const spinner = createSpinner({ logger: null })
  const named = (at) => ({ host: `app-${at}.localhost`, to: { name: `app-${at}`, script: './app.js' } })
  const routes = Array.from({ length: ROUTES }, (_, at) => named(at))
  globalThis.gc()
  const before = process.memoryUsage().heapUsed
  const gateway = createGateway(spinner, { routes })
  globalThis.gc()
  const bytes = (process.memoryUsage().heapUsed - before) / ROUTES
  await gateway.close()
  await spinner.close()
  return bytes / 1_024
}

const hostOf = (kind, app) => newHost('hosts/gateway.mjs', [kind, app.address], ['--expose-gc'])

/** Measures each kind in a new process. */
async function memoryOfSockets(app) {
  const memory = new Map()
  for (const kind of ['spinner', ...PEERS]) {
    const host = await hostOf(kind, app)
    memory.set(kind, await idleSockets(host))
    host.end()
  }
  return memory
}

function methodOf(name, port, usage) {
  const sample = async () => {
    const before = (await usage?.()) ?? 0
    const rate = await throughput(port)
    const cpu = usage ? ((await usage()) - before) / (rate * SECONDS) : Number.NaN
    return { rate, cpu, ...(await latency(port)) }
  }
  return { name, sample }
}

const absent = (name, why) => ({ name, sample: () => Promise.reject(new Error(why)) })

/** Starts all proxies between the load and the app. Returns the methods, and a function that ends the proxies. */
async function openAll(app) {
  const hosts = new Map()
  for (const kind of KINDS.filter(isHere)) hosts.set(kind, await hostOf(kind, app))
  const direct = await newApp(await freePort())
  const proxy = await newProxy(newFolder(), await freePort(), app.address)
  const ofKind = (kind) => {
    const host = hosts.get(kind)
    return host ? methodOf(kind, host.began, () => host.ask('usage')) : absent(kind, missing(kind))
  }
  const methods = [
    methodOf(DIRECT, direct.address),
    proxy ? methodOf(PROXY, proxy.port) : absent(PROXY, `${NGINX} does not exist`),
    ...KINDS.map(ofKind),
  ]
  const end = () => {
    for (const one of [...hosts.values(), direct, proxy]) one?.end()
  }
  return { methods, spinner: hosts.get('spinner'), end }
}

/** Returns the difference between two methods, per round. */
const added = ({ samples }, other, key) =>
  samples.flatMap((sample, round) => {
    const without = other.samples[round]
    return sample && without ? [sample[key] - without[key]] : []
  })

function rowOf(name, results, memory) {
  const result = results.get(name)
  const rate = cell(result, 'rate')
  if (result.error !== null) return [name, rate]
  const ratios = [PROXY, 'httpxy'].map((other) =>
    other === name ? 'x1' : times(pairedRatio(result.samples, results.get(other).samples, 'rate')),
  )
  const cpu = median(valuesOf(result.samples, 'cpu'))
  const latencies = ['p50', 'p99'].map((key) => {
    if (name === DIRECT) return ''
    return spread(added(result, results.get(DIRECT), key))
  })
  return [
    name,
    rate,
    ...ratios,
    cpu === null ? '' : number(cpu),
    ...latencies,
    memory.has(name) ? number(memory.get(name)) : '',
  ]
}

function figuresOf(results, cold, route) {
  const { samples, error } = results.get('spinner')
  const ratioTo = (other) =>
    error ?? results.get(other).error ?? pairedRatio(samples, results.get(other).samples, 'rate')
  const failed = cold.get('coldRequest').error ?? cold.get('coldStart').error
  return {
    'gateway nginx': ratioTo(PROXY),
    'gateway httpxy': ratioTo('httpxy'),
    'gateway http-proxy-3': ratioTo('http-proxy-3'),
    'gateway cold': failed ?? median(added(cold.get('coldRequest'), cold.get('coldStart'), 'ms')),
    'gateway route': route,
  }
}

const coldRows = (cold, route) => [
  ['start of a sleeping app (ms)', cell(cold.get('coldStart'), 'ms')],
  ['first byte from a sleeping app (ms)', cell(cold.get('coldRequest'), 'ms')],
  ['memory per route that was never requested (KB)', number(route)],
]

export async function measure({ rounds }) {
  const app = await newApp(path.join(newFolder(), 'app.sock'))
  const memory = await memoryOfSockets(app)
  const { methods, spinner, end } = await openAll(app)
  await interleave('gateway: warming up', methods, 1)
  const results = await interleave('gateway', methods, rounds)
  const cold = await interleave(
    'gateway: cold',
    ['coldStart', 'coldRequest'].map((name) => ({ name, sample: () => spinner.ask(name) })),
    rounds * 3,
  )
  end()
  app.end()
  const route = await kilobytesOfRoute()
  return {
    figures: figuresOf(results, cold, route),
    tables: [
      {
        title: 'The gateway',
        note: NOTE,
        columns: COLUMNS,
        rows: methods.map(({ name }) => rowOf(name, results, memory)),
      },
      { title: 'The gateway with sleeping apps', columns: ['what', 'figure'], rows: coldRows(cold, route) },
    ],
    charts: [chartOf(methods, results)],
  }
}

const chartOf = (methods, results) => ({
  file: 'gateway.svg',
  kind: 'bars',
  title: 'Requests per second through a proxy, on keep-alive connections',
  unit: 'requests per second',
  groups: [
    {
      bars: methods.map(({ name }) => {
        const { samples, error } = results.get(name)
        return { label: name, value: median(valuesOf(samples, 'rate')), missing: error }
      }),
    },
  ],
})
