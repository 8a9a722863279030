import { spawnSync } from 'node:child_process'
import http from 'node:http'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { createGatewayOn } from '../../../src/gateway/index.ts'
import { newFolder, until } from '../../support/host.ts'
import { ask, connectRaw, newStage, type Raw, turns, upgradeHead } from '../../support/lives.ts'

test('H54: five hundred clients that never complete their requests do not delay another client', async () => {
  const { port, spinner } = await newStage()
  const slow = Array.from({ length: 500 }, () => connectRaw(port))
  await until(() => slow.every(({ socket }) => !socket.connecting))
  for (const [index, { socket }] of slow.entries()) {
    const heads = [
      'GET / HTTP/1.1\r\nHost: app.localhost\r\nX-',
      'POST / HTTP/1.1\r\nHost: app.localhost\r\nContent-Length: 1000\r\n\r\nx',
      'G',
      upgradeHead('/', 'app.localhost').slice(0, -2),
    ]
    socket.write(heads[index % heads.length] as string)
  }
  for (let left = 20; left > 0; left--) expect((await ask({ port })).status).toBe(200)
  for (const { socket } of slow) socket.destroy()
  await until(() => spinner.get('app')?.leases === 0)
})

const hasLoopback6 = Object.values(os.networkInterfaces()).some((all) =>
  all?.some(({ address }) => address === '::1'),
)

test.runIf(hasLoopback6)(
  'if a free port is taken on the other loopback address, the gateway tries another port',
  async () => {
    const { gateway } = await newStage()
    const other = net.createServer().listen(0, '::1')
    onTestFinished(() => void other.close())
    await until(() => other.listening)
    const { port: taken } = other.address() as net.AddressInfo
    const listen = net.Server.prototype.listen
    const requestedPorts: unknown[] = []
    const spy = vi.spyOn(net.Server.prototype, 'listen').mockImplementation(function (
      this: net.Server,
      ...args
    ) {
      const [where, ...rest] = args as [{ port: number }]
      requestedPorts.push(where.port)
      return listen.call(this, requestedPorts.length === 1 ? { ...where, port: taken } : where, ...rest)
    } as typeof listen)
    onTestFinished(() => spy.mockRestore())
    const { port } = await gateway.listen()
    expect(requestedPorts).toEqual([0, taken, 0, port])
  },
)

test('H54: connections above `maxConnections` are refused, and the others are served', async () => {
  const stage = await newStage()
  const front = createGatewayOn(stage.sys, stage.spinner, { routes: [{ to: stage.child('app') }] })
  const { port } = await front.listen({ maxConnections: 3, host: '127.0.0.1' })
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
  const headers = { host: 'localhost' }
  expect((await ask({ port: port as number, agent, headers })).status).toBe(200)
  const idle: Raw[] = [connectRaw(port as number), connectRaw(port as number)]
  await until(() => idle.every(({ socket }) => !socket.connecting))
  const last = connectRaw(port as number)
  await last.closed
  expect((await ask({ port: port as number, agent, headers })).status).toBe(200)
  agent.destroy()
  for (const { socket } of idle) socket.destroy()
  await front.close()
})

test('H54: a request head that is too slow or too long is refused', async () => {
  const stage = await newStage()
  const front = createGatewayOn(stage.sys, stage.spinner, { routes: [{ to: stage.child('app') }] })
  const { port } = await front.listen({ headersTimeout: 0.1, host: '127.0.0.1' })
  const late = connectRaw(port as number)
  late.socket.write('GET / HTTP/1.1\r\n')
  await late.closed
  expect(late.text()).toMatch(/^HTTP\/1\.1 408 /)
  const { port: other } = await front.listen({ host: '127.0.0.1' })
  const long = connectRaw(other as number)
  long.socket.write(`GET / HTTP/1.1\r\nHost: localhost\r\nX-A: ${'x'.repeat(20_000)}\r\n\r\n`)
  await long.closed
  expect(long.text()).toMatch(/^HTTP\/1\.1 431 /)
  await front.close()
})

describe('the address of a gateway', () => {
  const addresses = Object.values(os.networkInterfaces())
    .flatMap((each) => each ?? [])
    .filter(({ family, internal }) => family === 'IPv4' && !internal)

  test('is loopback by default, over IPv4 and IPv6', async () => {
    const { gateway, port } = await newStage()
    expect(await reaches('127.0.0.1', port)).toBe(true)
    if (hasLoopback6) expect(await reaches('::1', port)).toBe(true)
    for (const { address } of addresses) expect(await reaches(address, port)).toBe(false)
    const { port: open, url } = await gateway.listen({ host: '0.0.0.0' })
    for (const { address } of addresses) expect(await reaches(address, open as number)).toBe(true)
    expect(url).toBe(`http://0.0.0.0:${open}`)
  })

  test('may be a unix socket', async () => {
    const { gateway } = await newStage()
    const socketPath = path.join(newFolder(), 'gateway.sock')
    expect(await gateway.listen({ path: socketPath })).toEqual({ url: null, port: null })
    expect(await ask({ socketPath, host: undefined, port: undefined } as never)).toMatchObject({
      body: 'life 1',
    })
  })

  test('may be a unix socket whose file a killed gateway has left behind', async () => {
    const { gateway } = await newStage()
    const socketPath = path.join(newFolder(), 'gateway.sock')
    const code = `require('net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))`
    spawnSync(process.execPath, ['-e', code, socketPath])
    await gateway.listen({ path: socketPath })
    expect((await ask({ socketPath } as never)).body).toBe('life 1')
    await expect(gateway.listen({ path: socketPath })).rejects.toMatchObject({ code: 'EADDRINUSE' })
    expect((await ask({ socketPath } as never)).body).toBe('life 1')
  })

  test.each([
    { requestTimeout: 10 },
    { headersTimeout: 1.005 },
    { requestTimeout: 1.0005, headersTimeout: 1 },
  ])('accepts any time limits: %j', async (times) => {
    const { gateway } = await newStage()
    const { port } = await gateway.listen(times)
    expect((await ask({ port: port as number })).body).toBe('life 1')
  })

  test('cannot be a port that is in use', async () => {
    const { gateway, port } = await newStage()
    await expect(gateway.listen({ port })).rejects.toMatchObject({ code: 'EADDRINUSE' })
  })
})

function reaches(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, host)
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}

describe('H55: a request that matches no app', () => {
  const long = 'x'.repeat(300)

  test.each([
    ['other.localhost', '/'],
    ['app.localhost.evil.example', '/'],
    ['evil.example', '/'],
    ['__proto__', '/'],
    ['constructor', '/'],
    ['..', '/'],
    ['../app.localhost', '/'],
    ['%61pp.localhost', '/'],
    ['user@app.localhost', '/'],
    ['app.localhost@evil.example', '/'],
    ['b\xfccher.localhost', '/'],
    ['xn--bcher-kva.preview.localhost', '/'],
    [`${long}.localhost`, '/'],
    [long, '/'],
    ['[::1]', '/'],
    ['[::ffff:127.0.0.1]', '/'],
    ['127.0.0.1', '/'],
    ['', '/'],
    ['app.localhost', '/../app'],
    ['app.localhost', '/a/../../etc/passwd'],
    ['app.localhost', '/%2e%2e/app'],
    ['app.localhost', '/%2E%2E%2fapp'],
    ['app.localhost', '/a%00'],
    ['localhost', '/app/__proto__'],
    ['localhost', '/app/constructor'],
    ['localhost', '/app/..%2fapp'],
    ['localhost', `/app/${long}`],
  ])('gets 404 and starts nothing: %s %s', async (host, pathname) => {
    const { lives, port, spinner } = await newStage()
    const { closed, socket, text } = connectRaw(port)
    socket.write(`GET ${pathname} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`, 'latin1')
    await closed
    expect(text()).toMatch(/^HTTP\/1\.1 404 /)
    for (const word of [host, pathname]) if (word.length > 3) expect(text()).not.toContain(word)
    expect(lives).toHaveLength(0)
    expect(Object.keys(spinner.list())).toEqual([])
  })

  test('may be routed by a function, which can choose only safe names', async () => {
    const chosen: string[] = []
    const lines: string[] = []
    const note = (line: string): number => lines.push(line)
    const stage = await newStage(
      {},
      {
        logger: { info: note, warn: note, error: note, debug: note },
        routes: (request) => {
          const [, name = ''] = /^\/([^/?]*)/.exec(String(request.url)) ?? []
          chosen.push(name)
          if (name === 'none') return null
          if (name === 'known') return 'never-started'
          return stage.child(decodeURIComponent(name))
        },
      },
    )
    const statusOf = async (pathname: string): Promise<number> =>
      (await ask({ port: stage.port, path: pathname })).status
    for (const pathname of ['/none', '/known', '/__proto__', '/a%2fb', '/A', '/-a', `/${long}`, '/a%20b'])
      expect(`${pathname} ${await statusOf(pathname)}`).toBe(`${pathname} 404`)
    expect(stage.lives).toHaveLength(0)
    expect(lines).toHaveLength(1)
    expect(lines[0]).toContain('`name`')
    for (const pathname of ['/..', '/%2e%2e', '/a/../b']) expect(await statusOf(pathname)).toBe(404)
    expect(chosen).not.toContain('..')
    expect(await statusOf('/well')).toBe(200)
    expect(Object.keys(stage.spinner.list())).toEqual(['well'])
  })

  test('may be routed by an async function; if it throws, the client gets 500 and the logger the error', async () => {
    const lines: string[] = []
    const note = (line: string): number => lines.push(line)
    const stage = await newStage(
      {},
      {
        logger: { info: note, warn: note, error: note, debug: note },
        routes: async ({ url }) => {
          if (url === '/throws') throw new Error('no data base')
          if (url === '/wrong') return { name: 'a', scirpt: 'b' } as never
          return stage.child('slow')
        },
      },
    )
    expect((await ask({ port: stage.port })).body).toBe('life 1')
    for (const pathname of ['/throws', '/wrong']) {
      const response = await ask({ port: stage.port, path: pathname })
      expect(response.status).toBe(500)
      expect(response.body).not.toMatch(/data base|scirpt/)
    }
    expect(lines.join('\n')).toMatch(/no data base[\s\S]*`scirpt` is not an option/)
  })
})

describe('a route function that never settles', () => {
  const never = { routes: () => new Promise<never>(() => {}) }

  test('delays a request for at most `wait`', async () => {
    const { clock, port } = await newStage({}, { ...never, wait: 30 })
    let isOver = false
    const response = ask({ port }).finally(() => {
      isOver = true
    })
    await turns(50)
    await clock.advance(29)
    expect(isOver).toBe(false)
    await clock.advance(2)
    expect((await response).status).toBe(503)
  })

  test('does not delay a close if the client has disconnected', async () => {
    const { gateway, port } = await newStage({}, never)
    const { closed, socket } = connectRaw(port)
    socket.write('GET / HTTP/1.1\r\nHost: app.localhost\r\n\r\n')
    await turns(50)
    socket.destroy()
    await closed
    // The clock stands still, so only the end of the request can let the gateway close.
    await gateway.close()
  })
})

test('a route function may return the promise of any library', async () => {
  const stage = await newStage(
    {},
    {
      routes: () => ({
        then: (resolve) => resolve?.(stage.child('app')) as never,
      }),
    },
  )
  expect((await ask({ port: stage.port })).body).toBe('life 1')
})

test('a close does not wait for connections without a request, which browsers keep in reserve', async () => {
  const { gateway, port } = await newStage()
  const unused = connectRaw(port)
  await until(() => !unused.socket.connecting)
  const agent = new http.Agent({ keepAlive: true })
  await ask({ port, agent })
  await gateway.close()
  await unused.closed
  agent.destroy()
})
