// What a proxy costs: the gateway next to nginx, and to two libraries, in front of the same Node program on a unix socket.
import { fork, spawn } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import net from 'node:net'
import path from 'node:path'
import { createSpinner } from 'spinner'
import { createGateway } from 'spinner/gateway'
import { children, interleave, newFolder, number, pairedRatio, summary } from './harness.mjs'

const here = import.meta.dirname
const NGINX = '/usr/sbin/nginx'
const PEERS = path.join(here, 'peers/node_modules')
const CONNECTIONS = 50
const SECONDS = 2
const SEQUENCE = 300
const SOCKETS = 1_000
const ROUTES = 10_000

/** The program behind all of them but spinner, which starts its own. */
async function newApp(folder) {
  const socketPath = path.join(folder, 'app.sock')
  const { command, args } = children.node
  const app = spawn(command, args, {
    env: { ...process.env, PORT: socketPath, UPGRADES: '1' },
    stdio: 'ignore',
    // As spinner starts it: some systems share the cores out among sessions.
    detached: true,
  })
  while (!existsSync(socketPath)) await new Promise((resolve) => setTimeout(resolve, 5))
  return { socketPath, end: () => app.kill() }
}

/** A process with one proxy, that is asked for figures of its own. */
async function newHost(kind, socketPath) {
  const host = fork(path.join(here, 'gateway-host.mjs'), [kind, socketPath], { execArgv: ['--expose-gc'] })
  const said = () => new Promise((resolve) => host.once('message', resolve))
  const { port } = await said()
  const ask = async (duty) => {
    host.send(duty)
    return (await said()).result
  }
  return { port, ask, end: () => host.disconnect() }
}

async function newNginx(folder, socketPath) {
  if (!existsSync(NGINX)) return null
  mkdirSync(path.join(folder, 'temp'))
  const temps = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (kind) => `${kind}_temp_path temp/${kind};`,
  )
  const port = await freePort()
  writeFileSync(
    path.join(folder, 'nginx.conf'),
    `${process.getuid?.() === 0 ? 'user root;' : ''} worker_processes 1; pid nginx.pid; error_log error.log; events { }
http { access_log off; ${temps.join(' ')} keepalive_requests 1000000000;
  upstream app { server unix:${socketPath}; keepalive 64; }
  server { listen 127.0.0.1:${port};
    location / { proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host; } } }`,
  )
  const options = ['-p', folder, '-e', path.join(folder, 'error.log'), '-c', path.join(folder, 'nginx.conf')]
  const master = spawn(NGINX, [...options, '-g', 'daemon off;'], { stdio: 'ignore', detached: true })
  while (!(await answers(port))) await new Promise((resolve) => setTimeout(resolve, 10))
  return { port, end: () => master.kill() }
}

async function freePort() {
  const server = net.createServer()
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address()
  await new Promise((resolve) => server.close(resolve))
  return port
}

const answers = (port) =>
  get(port).then(
    () => true,
    () => false,
  )

function get(port, agent = false) {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, agent, headers: { host: 'localhost' } }
    http.get(options, (response) => response.resume().once('end', resolve)).on('error', reject)
  })
}

/** Requests a second on connections that are kept: wrk's where there is one, or those of a program of ours. */
function throughput(port) {
  const url = `http://localhost:${port}/`
  const isThere = existsSync('/usr/bin/wrk')
  const [command, args] = isThere
    ? [
        'wrk',
        [
          '-t1',
          `-c${CONNECTIONS}`,
          `-d${SECONDS}`,
          url.replace('localhost', '127.0.0.1'),
          '-H',
          'Host: localhost',
        ],
      ]
    : [
        process.execPath,
        [path.join(here, 'gateway-load.mjs'), String(port), String(CONNECTIONS), String(SECONDS)],
      ]
  return new Promise((resolve, reject) => {
    const load = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    let said = ''
    load.stdout.on('data', (text) => {
      said += text
    })
    load.on('error', reject).on('close', () => {
      const rate = Number(/Requests\/sec:\s*([\d.]+)/.exec(said)?.[1])
      if (/Non-2xx|Socket errors/.test(said) || !(rate > 0)) reject(new Error(`the load failed: ${said}`))
      else resolve(rate)
    })
  })
}

/** How long one request takes after another, on one connection that is kept. */
async function latency(port) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
  const times = []
  for (let left = SEQUENCE; left > 0; left--) {
    const began = performance.now()
    await get(port, agent)
    times.push((performance.now() - began) * 1_000)
  }
  agent.destroy()
  times.sort((a, b) => a - b)
  return { p50: times[Math.floor(SEQUENCE * 0.5)], p99: times[Math.floor(SEQUENCE * 0.99)] }
}

function sampleOf(port, usage) {
  return async () => {
    const before = (await usage?.()) ?? 0
    const rate = await throughput(port)
    const cpu = usage ? ((await usage()) - before) / (rate * SECONDS) : Number.NaN
    return { rate, cpu, ...(await latency(port)) }
  }
}

/** Bytes of the proxy's memory for each web socket that says nothing. */
async function idleSockets({ ask, port }) {
  const before = await ask('memory')
  const head = `GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n`
  const open = () =>
    new Promise((resolve, reject) => {
      const socket = net.connect(port, '127.0.0.1', () => socket.write(head))
      socket.on('error', reject).once('data', () => resolve(socket))
    })
  const sockets = []
  while (sockets.length < SOCKETS) sockets.push(...(await Promise.all(Array.from({ length: 50 }, open))))
  const bytes = ((await ask('memory')) - before) / SOCKETS
  for (const socket of sockets) socket.destroy()
  return bytes
}

async function bytesOfRoute() {
  const spinner = createSpinner({ logger: null })
  const named = (at) => ({ host: `app-${at}.localhost`, to: { name: `app-${at}`, script: './app.js' } })
  const routes = Array.from({ length: ROUTES }, (_, at) => named(at))
  globalThis.gc?.()
  const before = process.memoryUsage().heapUsed
  const gateway = createGateway(spinner, { routes })
  globalThis.gc?.()
  const bytes = (process.memoryUsage().heapUsed - before) / ROUTES
  await gateway.close()
  await spinner.close()
  return bytes
}

const COLUMNS = [
  'method',
  'requests/s, median [quartiles]',
  'x nginx',
  'x httpxy',
  'CPU us/request',
  'p50 us',
  'p99 us',
]

function row(name, results, others) {
  const { error, samples } = results.get(name)
  if (error !== null) return [name, `failed: ${error}`]
  const of = (key) => summary(samples.map((sample) => sample[key]))
  const { median, q1, q3 } = of('rate')
  const ratios = others.map((other) => {
    const ratio = pairedRatio(samples, results.get(other)?.samples ?? [], 'rate')
    return ratio === null || other === name ? '' : `x${ratio.toFixed(2)}`
  })
  const shown = (key) => (of(key) ? number(of(key).median) : '')
  return [
    name,
    `${number(median)} [${number(q1)}..${number(q3)}]`,
    ...ratios,
    shown('cpu'),
    shown('p50'),
    shown('p99'),
  ]
}

const reached = (isReached) => (isReached ? 'reached' : 'not reached')

export async function measure({ rounds }) {
  const folder = newFolder()
  const app = await newApp(folder)
  const nginx = await newNginx(folder, app.socketPath)
  const kinds = existsSync(PEERS) ? ['spinner', 'httpxy', 'http-proxy-3'] : ['spinner']
  const memory = new Map()
  for (const kind of kinds) {
    // In a process of its own, that has done nothing before.
    const host = await newHost(kind, app.socketPath)
    memory.set(kind, await idleSockets(host))
    host.end()
  }
  const hosts = new Map()
  for (const kind of kinds) hosts.set(kind, await newHost(kind, app.socketPath))
  const methods = [...hosts].map(([name, { ask, port }]) => ({
    name,
    sample: sampleOf(port, () => ask('usage')),
  }))
  if (nginx) methods.unshift({ name: 'nginx, keepalive 64', sample: sampleOf(nginx.port) })
  await interleave('gateway: warming up', methods, 1)
  const results = await interleave('gateway', methods, rounds)
  const others = ['nginx, keepalive 64', 'httpxy']
  const cold = await interleave(
    'gateway: cold',
    ['coldStart', 'coldRequest'].map((name) => ({
      name,
      sample: async () => ({ ms: await hosts.get('spinner').ask(name) }),
    })),
    rounds,
  )
  for (const { end } of [...hosts.values(), app, ...(nginx ? [nginx] : [])]) end()
  return tables({ results, methods, others, cold, memory, route: await bytesOfRoute() })
}

function tables({ results, methods, others, cold, memory, route }) {
  const ratioTo = (other) =>
    pairedRatio(results.get('spinner').samples, results.get(other)?.samples ?? [], 'rate')
  const median = (name) => summary(cold.get(name).samples.map(({ ms }) => ms))?.median ?? Number.NaN
  const later = median('coldRequest') - median('coldStart')
  const targets = [
    [
      'requests a second, to nginx',
      ratioTo(others[0]),
      (ratio) => `x${ratio.toFixed(2)}`,
      'at least x0.45',
      (ratio) => ratio >= 0.45,
    ],
    ...['httpxy', 'http-proxy-3'].map((peer) => [
      `requests a second, to ${peer}`,
      ratioTo(peer),
      (ratio) => `x${ratio.toFixed(2)}`,
      'at least x1.4',
      (ratio) => ratio >= 1.4,
    ]),
    [
      'first byte from an app that slept, after its start',
      later,
      (ms) => `${number(ms)} ms`,
      'at most 10 ms',
      (ms) => ms <= 10,
    ],
    [
      'memory for a route that was never asked for',
      route,
      (bytes) => `${number(bytes)} bytes`,
      'at most 1024 bytes',
      (bytes) => bytes <= 1_024,
    ],
  ]
  return [
    {
      title: 'The gateway',
      note: `One Node program on a unix socket behind each. ${CONNECTIONS} connections that are kept, for ${SECONDS} s; then ${SEQUENCE} requests one after another on one connection. All of it shares the cores of this machine, the load too.`,
      columns: COLUMNS,
      rows: methods.map(({ name }) => row(name, results, others)),
    },
    {
      title: 'What the gateway aims at',
      columns: ['what', 'figure', 'target', ''],
      rows: [
        ...targets.map(([what, figure, show, target, isReached]) =>
          figure === null || Number.isNaN(figure)
            ? [what, 'not measured', target, '']
            : [what, show(figure), target, reached(isReached(figure))],
        ),
        ...[...memory].map(([name, bytes]) => [
          `memory for an idle web socket through ${name}`,
          `${number(bytes / 1_024)} KB`,
          '',
          '',
        ]),
      ],
    },
  ]
}
