import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { expect, test } from 'vitest'
import { lives } from '../../support/children.ts'
import { Command, pidOf, type Running } from '../../support/command.ts'
import { newFolder, until } from '../../support/host.ts'
import { install } from '../../support/installed.ts'
import { type Answer, ask, type Question } from '../../support/lives.ts'
import { read } from '../../support/pages.ts'

const spinner = new Command(install())

/** Returns the source of a server that answers with some words and the path of the request. */
const says = (words: string): string => `require('node:http').createServer((request, response) => {
  response.end('${words} ' + request.url)
}).listen(Number(process.env.PORT), process.env.HOST)\n`

interface Up {
  readonly running: Running
  readonly port: number
  put(name: string, text: string): void
  remove(name: string): void
  get(host: string, options?: Partial<Question>): Promise<Answer>
}

async function startUp(files: Readonly<Record<string, string>>, ...args: readonly string[]): Promise<Up> {
  const folder = newFolder()
  const put = (name: string, text: string): void => {
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true })
    writeFileSync(path.join(folder, name), text)
  }
  for (const [name, text] of Object.entries(files)) put(name, text)
  const running = spinner.run(['up', '--port', '0', ...args], { folder })
  const [[, found] = []] = await running.until(/listening on http:\/\/localhost:(\d+)/)
  const port = Number(found)
  return {
    running,
    port,
    put,
    remove: (name) => rmSync(path.join(folder, name), { recursive: true }),
    get: (host, options = {}) => ask({ port, headers: { host }, ...options }),
  }
}

async function end(running: Running): Promise<void> {
  running.kill('SIGINT')
  expect(await running.ended).toMatchObject({ code: 130 })
}

/** Returns the `hello.js` that the command on the page creates. */
function helloFromPage(): string {
  const [, echo = ''] = /^(echo .*) > hello\.js$/m.exec(read('docs/up.md')) ?? []
  return execFileSync('sh', ['-c', echo], { encoding: 'utf8' })
}

const PACKAGE = JSON.stringify({ name: 'blog', scripts: { start: 'node server.js' } })

test('the first request starts an app, on loopback, and Ctrl-C leaves no process', async () => {
  const { get, port, running } = await startUp({
    'shop.js': says('shop'),
    'blog/package.json': PACKAGE,
    'blog/server.js': says('blog'),
    'blog.js': '',
    'hello.js': helloFromPage(),
  })
  for (const name of ['shop', 'blog'])
    await running.until(new RegExp(`${name} +\\* served at http://${name}\\.localhost:${port}\n`))
  await running.until(/skipped blog.js: blog\/ is already served as blog.localhost/)
  expect(running.output()).not.toContain('started')
  expect((await get('localhost')).body).toMatch(
    new RegExp(`<a href="http://blog.localhost:${port}">blog</a>, asleep`),
  )
  expect(await get('blog.localhost', { path: '/a' })).toMatchObject({ status: 200, body: 'blog /a' })
  expect(await get('hello.localhost')).toMatchObject({ status: 200, body: 'hello' })
  expect((await get('127.0.0.1')).body).toContain('blog</a>, awake')
  const pid = pidOf(running.output(), 'blog')
  await end(running)
  expect(lives(pid)).toBe(false)
})

test('serves files that are added, restarts apps that are saved, and stops apps that are removed', async () => {
  const { get, put, remove, running } = await startUp({ 'shop.js': says('old') })
  expect(await get('shop.localhost')).toMatchObject({ body: 'old /' })
  put('shop.js', says('new'))
  await until(async () => (await get('shop.localhost')).body === 'new /')
  put('late/package.json', PACKAGE)
  put('late/server.js', says('late'))
  await until(async () => (await get('late.localhost')).body === 'late /')
  await running.until(/late +\* served at http/)
  const pid = pidOf(running.output(), 'shop')
  remove('shop.js')
  await until(async () => (await get('shop.localhost')).status === 404)
  await until(() => !lives(pid))
  expect((await get('localhost')).body).not.toContain('shop')
  await end(running)
})

test('an app that fails shows the reason, leaves other apps alone, and starts once it is corrected', async () => {
  const { get, put, running } = await startUp({
    'shop.js': 'throw new Error("out of paper")\n',
    'till.js': says('till'),
  })
  const { body, status } = await get('shop.localhost')
  expect(status).toBe(502)
  expect(body).toContain('Error: out of paper')
  expect(await get('till.localhost')).toMatchObject({ status: 200 })
  running.kill('SIGUSR2')
  await running.until(/till +\* restarted/)
  await running.until(/all children were restarted/)
  put('shop.js', says('corrected'))
  await until(async () => (await get('shop.localhost')).body === 'corrected /')
  await end(running)
})

test('a browser gets a waiting page while an app starts', async () => {
  const { get, running } = await startUp({ 'shop.js': says('shop') })
  const headers = { host: 'shop.localhost', accept: 'text/html' }
  expect(await get('', { headers })).toMatchObject({
    status: 503,
    body: expect.stringContaining('Starting shop'),
  })
  await until(async () => (await get('', { headers })).status === 200)
  await end(running)
})

test('H55: requests for hosts that are not apps start nothing, list nothing and reveal nothing', async () => {
  const { get, running } = await startUp({ 'shop.js': says('shop'), '.env.js': says('secret') })
  const hosts = [
    '../shop.localhost',
    '%2e%2e.localhost',
    '__proto__.localhost',
    'constructor.localhost',
    '.env.localhost',
    `${'a'.repeat(300)}.localhost`,
    'xn--bcher-kva.localhost',
    'a.shop.localhost',
    'shop.evil.example',
    'evil.example',
  ]
  for (const host of hosts) {
    const { body, status } = await get(host)
    expect([400, 404], host).toContain(status)
    expect(body).not.toMatch(/shop|secret|evil|__proto__|constructor/)
  }
  expect(await get('shop.localhost', { path: '/%2e%2e/x' })).toMatchObject({ status: 404 })
  expect(await get('localhost', { path: '/x' })).toMatchObject({ status: 404 })
  expect(await get('localhost', { method: 'POST' })).toMatchObject({ status: 404 })
  expect(running.output()).not.toContain('started')
  await end(running)
})

test('reports a port in use, a folder that does not exist, and invalid options', async () => {
  const other = http.createServer()
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
  const { port } = other.address() as AddressInfo
  const folder = newFolder()
  const ended = (...args: string[]) => spinner.run(['up', ...args], { folder }).ended
  const [taken, ...wrong] = await Promise.all([
    ended('--port', String(port)),
    ended('nowhere'),
    ended('--port', '70000'),
    ended('--idle', 'soon'),
  ])
  other.close()
  expect(taken).toMatchObject({
    code: 1,
    output: `spinner * cannot listen: port ${port} is in use; stop the program that listens there, or choose another with --port\n`,
  })
  expect(wrong.map(({ code }) => code)).toEqual([2, 2, 2])
  expect(wrong[0]?.output).toContain(
    'cannot read the directory of the apps: ENOENT: no such file or directory',
  )
  expect(wrong[1]?.output).toContain("--port must be a port number from 0 to 65535, but it is '70000'")
  expect(wrong[2]?.output).toContain('--idle must be seconds as a number')
})

test('an app without requests sleeps after --idle, and JSON lines contain the URLs of apps', async () => {
  const folder = newFolder()
  writeFileSync(path.join(folder, 'shop.js'), says('shop'))
  const running = spinner.run(['up', '.', '--port', '0', '--idle', '1ms', '--json'], { folder })
  const [[, url] = []] = await running.until(/"event":"served","url":"http:\/\/shop\.localhost:(\d+)"/)
  expect(await ask({ port: Number(url), headers: { host: 'shop.localhost' } })).toMatchObject({ status: 200 })
  await running.until(/"child":"shop","event":"stopped","reason":"nobody used it/)
  await end(running)
})
