import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { NO_LOG_FILES } from '../../../src/cli/output/log-files.ts'
import { startOptions } from '../../../src/cli/run/library-options.ts'
import { lives } from '../../support/children.ts'
import { Command, newSite, pidOf, type Running } from '../../support/command.ts'
import { until } from '../../support/host.ts'
import { install } from '../../support/installed.ts'
import { type Answer, ask, type Question } from '../../support/lives.ts'

const spinner = new Command(install())

/** The source of a server that answers with its name and pid. */
const APP = `require('node:http').createServer((request, response) => {
  response.setHeader('x-pid', process.pid)
  response.end(process.env.SAYS + ' ' + request.url)
}).listen(process.env.PORT)\n`

const app = (name: string, more = ''): string =>
  `  ${name}: { script: ./app.cjs, env: { SAYS: ${name} }${more} }\n`
const route = (name: string): string => `    - { host: ${name}.localhost, to: ${name} }\n`
const gateway = (routes: string, listen: number | string = 0): string =>
  `gateway:\n  listen: ${listen}\n  routes:\n${routes}`

async function startGateway(yaml: string): Promise<{
  readonly running: Running
  readonly change: (yaml: string) => void
  readonly port: number
  readonly get: (name: string, options?: Partial<Question>) => Promise<Answer>
}> {
  const { folder, change } = newSite(yaml, { 'app.cjs': APP })
  const running = spinner.run(['run'], { folder })
  const port = await portOf(running)
  const get = (name: string, options: Partial<Question> = {}): Promise<Answer> =>
    ask({ port, headers: { host: `${name}.localhost` }, ...options })
  return { running, change, port, get }
}

const portOf = async (running: Running): Promise<number> =>
  Number((await running.until(/listening on http:\/\/localhost:(\d+)/)).at(-1)?.[1])

const end = async (running: Running): Promise<void> => {
  running.kill('SIGTERM')
  expect(await running.ended).toMatchObject({ code: 0 })
}

test('the first request starts a child that a route leads to, and the child sleeps again; other children run', async () => {
  const { get, running } = await startGateway(
    gateway(route('shop') + route('warm')) +
      `children:\n${app('shop', ', idleTimeSec: 1ms')}${app('warm', ', warm: true')}` +
      '  worker: { command: sleep, args: [601], listen: null }\n',
  )
  await running.until(/(?:warm|worker) +\* started/, 2)
  expect(running.output()).not.toContain('shop')
  expect(await get('shop', { path: '/a' })).toMatchObject({ status: 200, body: 'shop /a' })
  await running.until(/shop +\* stopped: nobody used it for/)
  running.kill('SIGUSR2')
  await running.until(/all children were restarted/)
  await running.until(/(?:warm|worker) +\* restarted/, 2)
  expect(running.output()).not.toMatch(/shop +\* restarted/)
  expect(await get('shop')).toMatchObject({ status: 200 })
  await end(running)
})

test('the command does not exit while all children sleep', async () => {
  const { get, running } = await startGateway(
    `${gateway(route('shop'))}children:\n${app('shop', ', idleTimeSec: 1ms')}`,
  )
  for (const times of [1, 2]) {
    expect(await get('shop')).toMatchObject({ status: 200 })
    await running.until(/shop +\* stopped/, times)
  }
  await end(running)
})

test('SIGHUP replaces routes, keeps connections, and stops removed children', async () => {
  const children = `children:\n${app('shop')}${app('blog')}`
  const { change, get, running } = await startGateway(gateway(route('shop') + route('blog')) + children)
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
  const sockets = new Set<unknown>()
  agent.on('free', (socket) => void sockets.add(socket))
  const statusOf = async (name: string): Promise<number> => (await get(name, { agent })).status
  expect([await statusOf('shop'), await statusOf('blog'), await statusOf('new')]).toEqual([200, 200, 404])
  const [shop, blog] = [pidOf(running.output(), 'shop'), pidOf(running.output(), 'blog')]
  change(`${gateway(route('shop') + route('new'))}children:\n${app('shop')}${app('new')}`)
  running.kill('SIGHUP')
  await running.until(/added new; removed blog; gateway reconfigured/)
  await until(() => !lives(blog))
  expect([await statusOf('shop'), await statusOf('blog'), await statusOf('new')]).toEqual([200, 404, 200])
  expect(pidOf(running.output(), 'shop')).toBe(shop)
  expect(sockets.size).toBe(1)
  agent.destroy()
  await end(running)
})

test('SIGHUP changes to another port only if it is free, and starts a child that lost its route', async () => {
  const children = `children:\n${app('shop')}${app('blog')}`
  const { change, get, running } = await startGateway(gateway(route('shop') + route('blog')) + children)
  const other = http.createServer()
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
  const { port: taken } = other.address() as AddressInfo
  change(gateway(route('shop') + route('blog'), taken) + children)
  running.kill('SIGHUP')
  await running.until(
    new RegExp(`cannot listen: port ${taken} is in use; stop the program that listens there, or choose`),
  )
  expect(await get('shop')).toMatchObject({ status: 200 })
  await new Promise((resolve) => other.close(resolve))
  running.kill('SIGHUP')
  await running.until(new RegExp(`listening on http://localhost:${taken}\n`))
  expect(await get('shop', { port: taken })).toMatchObject({ status: 200 })
  change(children)
  running.kill('SIGHUP')
  await running.until(/blog +\* started/)
  await expect(get('shop', { port: taken })).rejects.toThrow('ECONNREFUSED')
  await end(running)
})

test('the command exits before it starts anything if the port is in use', async () => {
  const other = http.createServer()
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
  const { port } = other.address() as AddressInfo
  const yaml = `${gateway(route('shop'), port)}children:\n${app('shop')}${app('worker')}`
  const running = spinner.run(['run'], { folder: newSite(yaml, { 'app.cjs': APP }).folder })
  const { code, output } = await running.ended
  other.close()
  expect(code).toBe(1)
  expect(output).toBe(
    `spinner * cannot listen: port ${port} is in use; stop the program that listens there, or choose another for \`listen\`\n`,
  )
})

test('a route to a pool distributes requests among its children', async () => {
  const pool = 'pools:\n  p: { size: 2, script: ./app.cjs }\n'
  const { get, running } = await startGateway(gateway(route('p')) + pool)
  await running.until(/p-[01] +\* started/, 2)
  const pids: number[] = []
  while (pids.length < 4) pids.push(Number((await get('p')).headers['x-pid']))
  const [one, other] = [pidOf(running.output(), 'p-0'), pidOf(running.output(), 'p-1')]
  expect(pids).toEqual([one, other, one, other])
  await end(running)
})

test('H55: requests with invalid hosts and paths start nothing and reveal nothing', async () => {
  const { get, port, running } = await startGateway(
    `${gateway('    - { host: "*.localhost", to: shop }\n')}children:\n${app('shop')}`,
  )
  const hosts = [
    '../shop',
    '__proto__.evil.example',
    `${'a'.repeat(300)}.localhost`,
    'xn--bcher-kva.localhost',
    'evil.example',
  ]
  for (const host of hosts) {
    const { body, status } = await ask({ port, headers: { host } })
    expect([404, 400]).toContain(status)
    expect(body).not.toContain(host)
  }
  for (const path of ['/../secret', '/%2e%2e/secret', '/a/.%2E/secret']) {
    const { body, status } = await get('shop', { path })
    expect(status).toBe(404)
    expect(body).not.toContain('secret')
  }
  expect(running.output()).not.toContain('started')
  await end(running)
})

test('a child that requests start has the defaults of the library; other children never sleep and are never evicted', async () => {
  const logFiles = NO_LOG_FILES
  const options = { command: 'x' }
  expect(await startOptions(options, logFiles, true)).toEqual({ ...options, stdout: null, stderr: null })
  expect(await startOptions(options, logFiles)).toMatchObject({ idleTimeSec: -1, warm: true })
  const own = { idleTimeSec: 5, warm: false }
  expect(await startOptions({ ...options, ...own }, logFiles)).toMatchObject(own)
})
