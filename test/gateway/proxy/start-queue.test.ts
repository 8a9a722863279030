import type http from 'node:http'
import { describe, expect, test } from 'vitest'
import { PortAllocator } from '../../../src/address/ports.ts'
import { createGatewayOn } from '../../../src/gateway/index.ts'
import { accepts } from '../../../src/probe.ts'
import { deferred } from '../../../src/promises.ts'
import { realSys } from '../../../src/sys.ts'
import { FakeClock, sysWith } from '../../support/clock.ts'
import { fixture, newSpinner, until } from '../../support/host.ts'
import { ask, connectRaw, newStage, pour, settled, turns } from '../../support/lives.ts'

const many = <Value>(count: number, make: () => Promise<Value>): Promise<Value[]> =>
  Promise.all(Array.from({ length: count }, make))

describe('H52: requests that wait for a cold child', () => {
  test('share one start, however many there are, and all are answered', async () => {
    const opened = deferred<void>()
    const {
      clock: _,
      lives,
      port,
      spinner,
    } = await newStage({ opens: () => opened.promise }, { queue: 1_000 })
    const answers = many(1_000, () => ask({ port }))
    await until(() => spinner.get('app')?.leases === 1_000, 'the arrival of all requests')
    opened.resolve()
    const bodies = (await answers).map(({ status, body }) => `${status} ${body}`)
    expect(new Set(bodies)).toEqual(new Set(['200 life 1']))
    expect(lives).toHaveLength(1)
    await until(() => spinner.get('app')?.leases === 0, 'the release of all leases')
  })

  test('are limited in number; further requests get 503 and a time to retry', async () => {
    const opened = deferred<void>()
    const { port, spinner } = await newStage({ opens: () => opened.promise }, { queue: 3 })
    const first = many(3, () => ask({ port }))
    await until(() => spinner.get('app')?.leases === 3)
    const refused = await ask({ port })
    expect(refused).toMatchObject({ status: 503, headers: { 'retry-after': '1' } })
    opened.resolve()
    expect((await first).map(({ status }) => status)).toEqual([200, 200, 200])
  })

  test('wait no longer than `wait`, and then leave no lease behind', async () => {
    const { clock, port, spinner } = await newStage(
      { opens: () => new Promise(() => {}) },
      { wait: 30, queue: 1_000 },
      { timeout: 300 },
    )
    const answers = many(200, () => ask({ port }))
    await until(() => spinner.get('app')?.leases === 200)
    await clock.advance(29)
    expect(spinner.get('app')?.leases).toBe(200)
    await clock.advance(2)
    const statuses = new Set(
      (await answers).map(({ status, headers }) => `${status} ${headers['retry-after']}`),
    )
    expect(statuses).toEqual(new Set(['503 5']))
    await until(() => spinner.get('app')?.leases === 0)
  })

  test('get on this machine what is known of the child if they time out', async () => {
    const opens = (life: { number: number }): Promise<unknown> =>
      life.number === 1 ? Promise.reject(new Error('it is broken')) : new Promise(() => {})
    const { clock, lives, port, spinner } = await newStage({ opens }, { wait: 30 }, { timeout: 300 })
    const [asked, proxied] = [ask({ port }), ask({ port, headers: { 'x-forwarded-for': '192.0.2.1' } })]
    await until(() => spinner.get('app')?.leases === 2 && spinner.get('app')?.lastError)
    await clock.advance(1)
    await until(() => lives.length === 2)
    await clock.advance(30)
    const { body, status } = await asked
    expect(status).toBe(503)
    expect(body).toContain("'app' was not ready in time; its state is 'starting'. Its last attempt failed: ")
    expect(body).toContain('it is broken')
    expect((await proxied).body).toMatch(/: The app was not ready in time\.\s*$/)
  })

  test.runIf(process.platform === 'linux')(
    'get on this machine where the child listens instead, even during its first attempt',
    async () => {
      const clock = new FakeClock()
      const sys = sysWith({ clock })
      const warnings: string[] = []
      const warn = (line: string): void => void warnings.push(line)
      const logger = { info: () => {}, warn, error: () => {}, debug: () => {} }
      const spinner = newSpinner({ logger, timeout: 300 }, sys)
      const own = await new PortAllocator(realSys).allocate('elsewhere')
      const script = fixture('listens-elsewhere.js')
      const to = { name: 'app', script, monitor: null, env: { ELSEWHERE: own } }
      const routes = [{ host: 'app.localhost', to }]
      const gateway = createGatewayOn(sys, spinner, { routes, logger: null })
      const { port } = (await gateway.listen()) as { port: number }
      const [asked, proxied] = [ask({ port }), ask({ port, headers: { 'x-forwarded-for': '192.0.2.1' } })]
      await until(() => spinner.get('app')?.leases === 2)
      await until(() => accepts(realSys, { host: '127.0.0.1', port: own }))
      await clock.advance(5)
      await until(() => warnings.length > 0)
      await clock.advance(25)
      const expected = `'app' was not ready in time; its state is 'starting': it listens on ${own}, expected `
      expect((await asked).body).toContain(expected)
      expect((await proxied).body).not.toContain('listens')
      await gateway.close()
    },
  )

  test('stop waiting when their client disconnects, and the start goes on', async () => {
    const opened = deferred<void>()
    const { lives, port, spinner } = await newStage({ opens: () => opened.promise })
    const { socket } = connectRaw(port)
    socket.write('GET / HTTP/1.1\r\nHost: app.localhost\r\n\r\n')
    await until(() => spinner.get('app')?.leases === 1)
    socket.destroy()
    await until(() => spinner.get('app')?.leases === 0)
    opened.resolve()
    await until(() => spinner.get('app')?.state === 'started')
    expect(lives).toHaveLength(1)
  })

  test('are answered even if the child is stopped while they wait, because they ask again', async () => {
    const opened = deferred<void>()
    const { lives, port, spinner } = await newStage({ opens: () => opened.promise })
    const answers = many(3, () => ask({ port }))
    await until(() => spinner.get('app')?.leases === 3)
    await spinner.stop('app')
    opened.resolve()
    expect((await answers).map(({ status, body }) => `${status} ${body}`)).toEqual(
      Array(3).fill('200 life 2'),
    )
    expect(lives).toHaveLength(2)
  })

  test('do not have their bodies read', async () => {
    const opened = deferred<void>()
    const { port, spinner } = await newStage({
      opens: () => opened.promise,
      handler: (request, response) => {
        let length = 0
        request.on('data', (chunk) => {
          length += chunk.length
        })
        request.on('end', () => response.end(String(length)))
      },
    })
    const size = 64 * 1024 * 1024
    const { socket, text, closed } = connectRaw(port)
    socket.write(
      `POST / HTTP/1.1\r\nHost: app.localhost\r\nConnection: close\r\nContent-Length: ${size}\r\n\r\n`,
    )
    const sent = pour(socket, size)
    await until(() => spinner.get('app')?.leases === 1)
    // Only what the buffers of the system hold has been sent.
    expect(await settled(sent)).toBeLessThan(size / 2)
    opened.resolve()
    await closed
    expect(text()).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*67108864/)
  })
})

describe('a child that fails to start', () => {
  const fails = { opens: () => Promise.reject(new Error('it is <broken>')) }
  const broken = { attempts: 1 }

  test('H52: leads to 502, with the reason for a client on this machine', async () => {
    const { port } = await newStage(fails, {}, broken)
    const answer = await ask({ port })
    expect(answer.status).toBe(502)
    expect(answer.body).toContain('it is <broken>')
    const again = await ask({ port, headers: { accept: 'text/html' } })
    expect(again).toMatchObject({ status: 502, headers: { 'retry-after': '60' } })
    expect(again.body).toContain('it is &lt;broken&gt;')
    expect(again.body).not.toContain('<broken>')
  })

  test('H52: leads to 502 without a reason through a proxy, or with `showReasons: false`', async () => {
    const { port } = await newStage(fails, {}, broken)
    const proxied = await ask({ port, headers: { 'x-forwarded-for': '192.0.2.1' } })
    expect(proxied.status).toBe(502)
    expect(proxied.body).not.toContain('broken')
    const { port: other } = await newStage(fails, { showReasons: false }, broken)
    expect((await ask({ port: other })).body).not.toContain('broken')
  })

  test('shows its last lines of stderr to a client on this machine', async () => {
    const { gateway, spinner } = await newStage()
    const real = {
      name: 'real',
      command: 'sh',
      args: ['-c', 'echo its last words >&2; exit 3'],
      listen: 'port' as const,
    }
    await gateway.close()
    const { createSpinner } = await import('../../../src/spinner.ts')
    const { createGateway } = await import('../../../src/gateway/index.ts')
    const host = createSpinner({ logger: null, stderr: null, attempts: 1 })
    const front = createGateway(host, { routes: [{ host: 'app.localhost', to: real }] })
    const { port } = await front.listen()
    const answer = await ask({ port: port as number })
    expect(answer.status).toBe(502)
    expect(answer.body).toContain('exited with code 3')
    expect(answer.body).toContain('    its last words')
    await host.close()
    await spinner.close()
  })
})

test('an app without a free slot leads to 503, and is not a failed app', async () => {
  const { child, clock, port, spinner } = await newStage({}, { wait: 60 }, { maxRunning: 1, timeout: 5 })
  const lease = await spinner.acquire(child('other'))
  const asked = ask({ port })
  await until(() => spinner.get('app')?.state === 'starting')
  await turns(20)
  await clock.advance(6)
  expect(await asked).toMatchObject({ status: 503, headers: { 'retry-after': '5' } })
  lease.release()
  expect(await ask({ port })).toMatchObject({ status: 200, body: 'life 2' })
})

describe('the waiting page', () => {
  const navigation = { accept: 'text/html', 'sec-fetch-mode': 'navigate' }

  test('is shown to a browser that opens a page, until the app is ready', async () => {
    const opened = deferred<void>()
    const { lives, port, spinner } = await newStage({ opens: () => opened.promise }, { waitingPage: true })
    const page = await ask({ port, headers: navigation })
    expect(page).toMatchObject({ status: 503, headers: { 'retry-after': '1' } })
    expect(page.body).toContain('Starting app')
    expect((await ask({ port, headers: navigation })).status).toBe(503)
    opened.resolve()
    await until(() => spinner.get('app')?.state === 'started')
    expect((await ask({ port, headers: navigation })).body).toBe('life 1')
    expect(lives).toHaveLength(1)
    expect(spinner.get('app')?.leases).toBe(0)
  })

  test.each([{ accept: '*/*' }, { accept: 'text/html', 'sec-fetch-mode': 'cors' }, {}])(
    'is not shown to other requests: %j',
    async (headers) => {
      const { port } = await newStage({}, { waitingPage: true })
      expect(await ask({ port, headers: headers as http.OutgoingHttpHeaders })).toMatchObject({
        status: 200,
        body: 'life 1',
      })
    },
  )

  test('is replaced by the reason if the app fails to start', async () => {
    const failed = { opens: () => Promise.reject(new Error('no luck')) }
    const { port, spinner } = await newStage(failed, { waitingPage: true }, { attempts: 1 })
    expect((await ask({ port, headers: navigation })).status).toBe(503)
    await until(() => spinner.get('app')?.state === 'faulted')
    const answer = await ask({ port, headers: navigation })
    expect(answer.status).toBe(502)
    expect(answer.body).toContain('no luck')
  })
})
