import http from 'node:http'
import { describe, expect, test } from 'vitest'
import type { GatewayOptions } from '../../../src/gateway/options.ts'
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
const echoing: Play = { opens: async (life) => echoUpgrades(life) }

const stageWith = (play: Play = {}): Promise<Stage> => newStage(play, RULES, { idleTimeSec: 80 })

const stateOf = ({ spinner }: Stage): string | undefined => spinner.get('app')?.state

/** What a web socket is answered with. */
async function upgradeOn(port: number): Promise<string> {
  const { closed, socket, text } = connectRaw(port)
  socket.write(upgradeHead())
  await until(() => text() !== '')
  socket.destroy()
  await closed
  return text()
}

describe('traffic that is ignored', () => {
  test('does not wake a child: a request is told that nothing is there, a web socket to come later', async () => {
    const stage = await stageWith(echoing)
    expect(await ask({ port: stage.port, path: '/healthz?x' })).toMatchObject({ status: 204, body: '' })
    expect(await upgradeOn(stage.port)).toMatch(/^HTTP\/1\.1 503 [\s\S]*retry-after: 5/)
    expect(stage.lives).toHaveLength(0)
    expect(stage.spinner.get('app')).toBeNull()
    await ask({ port: stage.port })
    await stage.spinner.stop('app')
    expect((await ask({ port: stage.port, path: '/healthz' })).status).toBe(204)
    expect(stage.lives).toHaveLength(1)
    expect(stateOf(stage)).toBe('stopped')
  })

  test('reaches a child that is awake, and does not keep it so', async () => {
    const stage = await stageWith()
    await ask({ port: stage.port })
    for (let asked = 0; asked < 8; asked++) {
      expect(await ask({ port: stage.port, path: '/healthz' })).toMatchObject({ status: 200, body: 'life 1' })
      await stage.clock.advance(10)
    }
    await stage.clock.advance(20)
    await until(() => stateOf(stage) === 'stopped')
    expect(stage.lives).toHaveLength(1)
  })

  test('that lasts, a web socket or a stream of events, ends when the child goes to sleep', async () => {
    const stage = await stageWith({
      ...echoing,
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

  test('waits for a start that is under way, and is answered when it is done', async () => {
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

  test('is told of a child that has failed', async () => {
    const stage = await newStage({ opens: () => Promise.reject(new Error('no')) }, RULES, { attempts: 1 })
    await ask({ port: stage.port })
    expect((await ask({ port: stage.port, path: '/healthz' })).status).toBe(503)
    expect(stage.lives).toHaveLength(1)
  })
})

test('what is not ignored keeps the child awake for as long as it is asked for', async () => {
  const stage = await stageWith()
  for (let asked = 0; asked < 8; asked++) {
    await ask({ port: stage.port })
    await stage.clock.advance(60)
  }
  expect(stage.lives).toHaveLength(1)
  await stage.clock.advance(35)
  await until(() => stateOf(stage) === 'stopped')
})
