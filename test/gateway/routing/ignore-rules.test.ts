import http from 'node:http'
import { describe, expect, test } from 'vitest'
import type { GatewayOptions } from '../../../src/gateway/options.ts'
import { isIgnored } from '../../../src/gateway/routing/ignore-rules.ts'
import { deferred } from '../../../src/promises.ts'
import { next, until } from '../../support/host.ts'
import {
  ask,
  connectRaw,
  echoUpgrades,
  newStage,
  type Play,
  type Stage,
  upgradeHead,
} from '../../support/lives.ts'

const RULES: Partial<GatewayOptions> = { websocket: 'ignore', ignore: ['/healthz', '/events'] }
const ECHO: Play = { opens: async (life) => echoUpgrades(life) }

const stageWith = (play: Play = {}): Promise<Stage> => newStage(play, RULES, { idleTimeSec: 80 })

const stateOf = ({ spinner }: Stage): string | undefined => spinner.get('app')?.state

/** Returns the response to an upgrade. */
async function responseToUpgrade(port: number): Promise<string> {
  const { closed, socket, text } = connectRaw(port)
  socket.write(upgradeHead())
  await until(() => text() !== '')
  socket.destroy()
  await closed
  return text()
}

describe('an ignored request', () => {
  test('does not start a child: a request gets 204, a WebSocket 503 with a time to retry', async () => {
    const stage = await stageWith(ECHO)
    expect(await ask({ port: stage.port, path: '/healthz?x' })).toMatchObject({ status: 204, body: '' })
    expect(await responseToUpgrade(stage.port)).toMatch(/^HTTP\/1\.1 503 [\s\S]*retry-after: 5/)
    expect(stage.lives).toHaveLength(0)
    expect(stage.spinner.get('app')).toBeNull()
    await ask({ port: stage.port })
    await stage.spinner.stop('app')
    expect((await ask({ port: stage.port, path: '/healthz' })).status).toBe(204)
    expect(stage.lives).toHaveLength(1)
    expect(stateOf(stage)).toBe('stopped')
  })

  test('reaches a running child, and does not keep it running', async () => {
    const stage = await stageWith()
    await ask({ port: stage.port })
    for (let sent = 0; sent < 8; sent++) {
      expect(await ask({ port: stage.port, path: '/healthz' })).toMatchObject({ status: 200, body: 'life 1' })
      await stage.clock.advance(10)
    }
    await stage.clock.advance(20)
    await until(() => stateOf(stage) === 'stopped')
    expect(stage.lives).toHaveLength(1)
  })

  test('that lasts, such as a WebSocket or an event stream, ends when the child becomes idle', async () => {
    const stage = await stageWith({
      ...ECHO,
      handler: (request, response) => {
        if (request.url !== '/events') return void response.end('x')
        response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
      },
    })
    await ask({ port: stage.port })
    const { closed, socket, text } = connectRaw(stage.port)
    socket.write(upgradeHead())
    await until(() => text().includes('101'))
    const options = {
      host: '127.0.0.1',
      port: stage.port,
      path: '/events',
      headers: { host: 'app.localhost' },
    }
    const request = http.get({ ...options, agent: false })
    const [response] = (await next(request, 'response')) as [http.IncomingMessage]
    const ended = Promise.race([next(response, 'end'), next(response, 'error')])
    response.resume()
    expect(stage.spinner.get('app')?.leases).toBe(0)
    await stage.clock.advance(95)
    await until(() => stateOf(stage) === 'stopped')
    await stage.clock.advance(2)
    await Promise.all([closed, ended])
  })

  test('waits for a start that is under way, and gets its response after it', async () => {
    const opened = deferred<void>()
    const stage = await stageWith({ opens: () => opened.promise })
    const first = ask({ port: stage.port })
    await until(() => stateOf(stage) === 'starting')
    const second = ask({ port: stage.port, path: '/healthz' })
    expect(stage.spinner.get('app')?.leases).toBe(1)
    opened.resolve()
    expect((await second).status).toBe(200)
    await first
  })

  test('gets 503 from a faulted child', async () => {
    const stage = await newStage({ opens: () => Promise.reject(new Error('no')) }, RULES, { attempts: 1 })
    await ask({ port: stage.port })
    expect((await ask({ port: stage.port, path: '/healthz' })).status).toBe(503)
    expect(stage.lives).toHaveLength(1)
  })
})

test('requests that are not ignored keep the child running', async () => {
  const stage = await stageWith()
  for (let sent = 0; sent < 8; sent++) {
    await ask({ port: stage.port })
    await stage.clock.advance(60)
  }
  expect(stage.lives).toHaveLength(1)
  await stage.clock.advance(35)
  await until(() => stateOf(stage) === 'stopped')
})

describe('a request that does not count as activity', () => {
  const rules = {
    websocket: 'keep',
    ignore: ['/healthz', '/hmr/*', /\.map$/g],
    waitingPage: false,
    maxBody: null,
    answerTimeout: null,
  } as const

  test.each([
    ['/healthz', true],
    ['/healthz?x', true],
    ['/healthz/', false],
    ['/healthzz', false],
    ['/hmr/', true],
    ['/hmr/a/b', true],
    ['/hmr', false],
    ['/a.map', true],
    ['/a.map?x', true],
    ['/a.map.js', false],
  ])('may be a request for %s: %s', (path, ignored) => {
    expect(isIgnored(rules, { path, isUpgrade: false })).toBe(ignored)
    expect(isIgnored(rules, { path, isUpgrade: false })).toBe(ignored)
  })

  test('may be a WebSocket', () => {
    expect(isIgnored(rules, { path: '/', isUpgrade: true })).toBe(false)
    expect(isIgnored({ ...rules, websocket: 'ignore' }, { path: '/', isUpgrade: true })).toBe(true)
    expect(isIgnored({ ...rules, websocket: 'ignore' }, { path: '/', isUpgrade: false })).toBe(false)
  })
})
