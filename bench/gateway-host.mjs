// One proxy in a process of its own, so that what it costs is its own: node gateway-host.mjs KIND SOCKET.
import http from 'node:http'
import { createRequire } from 'node:module'
import path from 'node:path'
import { children } from './harness.mjs'

const peer = createRequire(path.join(import.meta.dirname, 'peers/package.json'))
const [kind, socketPath] = process.argv.slice(2)

/** Each gives the functions for a server's `request` and `upgrade`. */
const KINDS = {
  async spinner() {
    const { createSpinner } = await import('spinner')
    const { createGateway } = await import('spinner/gateway')
    const spinner = createSpinner({ logger: null, stdout: null, stderr: null, idleTimeSec: -1 })
    const to = { name: 'app', ...children.node, env: { UPGRADES: '1' } }
    const gateway = createGateway(spinner, { routes: [{ to }] })
    await spinner.start(to)
    return { spinner, to, request: gateway.handler, upgrade: gateway.upgrade }
  },

  async httpxy() {
    const { createProxyServer } = await import(peer.resolve('httpxy'))
    return peers(createProxyServer({ target: { socketPath }, agent: new http.Agent({ keepAlive: true }) }))
  },

  async 'http-proxy-3'() {
    const { createProxyServer } = peer('http-proxy-3')
    const target = { host: 'localhost', protocol: 'http:', socketPath }
    return peers(createProxyServer({ target, agent: new http.Agent({ keepAlive: true }) }))
  },
}

function peers(proxy) {
  proxy.on('error', () => {})
  return {
    request: (request, response) => proxy.web(request, response),
    upgrade: (request, socket, head) => proxy.ws(request, socket, head),
  }
}

const { spinner, to, request, upgrade } = await KINDS[kind]()
const server = http.createServer(request).on('upgrade', upgrade)

/** From the first byte of a request to the first of the answer, with the app asleep before. */
async function coldRequest() {
  await spinner.stop('app')
  const began = performance.now()
  await new Promise((resolve, reject) => {
    const { port } = server.address()
    http
      .get({ port, host: '127.0.0.1', agent: false, headers: { host: 'localhost' } }, (response) => {
        response.once('data', resolve).resume()
      })
      .on('error', reject)
  })
  return performance.now() - began
}

async function coldStart() {
  await spinner.stop('app')
  const began = performance.now()
  await spinner.start(to)
  return performance.now() - began
}

const DUTIES = {
  usage: () => {
    const { user, system } = process.cpuUsage()
    return user + system
  },
  memory: () => {
    globalThis.gc?.()
    return process.memoryUsage().rss
  },
  coldRequest,
  coldStart,
}

process.on('message', async (duty) => process.send({ result: await DUTIES[duty]() }))
process.on('disconnect', () => (spinner ? spinner.close() : Promise.resolve()).then(() => process.exit()))
server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }))
