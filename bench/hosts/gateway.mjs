// One proxy in a separate process, so that its costs can be measured: node gateway.mjs KIND SOCKET.
import http from 'node:http'
import { createRequire } from 'node:module'
import { answer } from '../measuring/answer.mjs'
import { NODE } from '../measuring/programs.mjs'

const require = createRequire(import.meta.url)
const [kind, socketPath] = process.argv.slice(2)

/** Factories by kind. Each returns handlers for a server's `request` and `upgrade`. */
const KINDS = {
  async spinner() {
    const { createSpinner } = await import('../../dist/index.js')
    const { createGateway } = await import('../../dist/gateway/index.js')
    const spinner = createSpinner({ logger: null, stdout: null, stderr: null, idleTimeSec: -1 })
    const to = { name: 'app', ...NODE, env: { UPGRADES: '1' } }
    const gateway = createGateway(spinner, { routes: [{ to }] })
    await spinner.start(to)
    return { spinner, to, request: gateway.handler, upgrade: gateway.upgrade }
  },

  /** The base of the gateway, without any of its rules. No proxy of this kind can be faster. */
  async undici() {
    const { Pool } = await import('undici')
    const pool = new Pool('http://localhost', { socketPath, connections: 64 })
    const request = ({ method, rawHeaders, url }, response) =>
      pool.dispatch({ path: url, method, headers: rawHeaders }, passingOn(response))
    return { request, upgrade: (_request, socket) => socket.destroy() }
  },

  async httpxy() {
    const { createProxyServer } = await import('httpxy')
    return peer(createProxyServer({ target: { socketPath }, agent: new http.Agent({ keepAlive: true }) }))
  },

  async 'http-proxy-3'() {
    const { createProxyServer } = require('http-proxy-3')
    const target = { host: 'localhost', protocol: 'http:', socketPath }
    return peer(createProxyServer({ target, agent: new http.Agent({ keepAlive: true }) }))
  },
}

const passingOn = (response) => ({
  onConnect() {},
  onError: () => response.destroy(),
  onHeaders(status, headers) {
    response.writeHead(status, headers.map(String))
    return true
  },
  onData: (chunk) => response.write(chunk),
  onComplete: () => response.end(),
})

function peer(proxy) {
  proxy.on('error', () => {})
  return {
    request: (request, response) => proxy.web(request, response),
    upgrade: (request, socket, head) => proxy.ws(request, socket, head),
  }
}

const { spinner, to, request, upgrade } = await KINDS[kind]()
const server = http.createServer(request).on('upgrade', upgrade)
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
const { port } = server.address()

/** Measures the time from the first byte of a request to the first byte of the response of a sleeping app. */
async function coldRequest() {
  await spinner.stop('app')
  const began = performance.now()
  await new Promise((resolve, reject) => {
    const options = { port, host: '127.0.0.1', agent: false, headers: { host: 'localhost' } }
    http.get(options, (response) => response.once('data', resolve).resume()).on('error', reject)
  })
  return { ms: performance.now() - began }
}

async function coldStart() {
  await spinner.stop('app')
  const began = performance.now()
  await spinner.start(to)
  return { ms: performance.now() - began }
}

function usage() {
  const { user, system } = process.cpuUsage()
  return user + system
}

function memory() {
  globalThis.gc()
  return process.memoryUsage().rss
}

answer({ usage, memory, coldRequest, coldStart }, { began: port, close: () => spinner?.close() })
