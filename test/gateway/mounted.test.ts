import http from 'node:http'
import type net from 'node:net'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type Chooser, createGatewayOn, type Route } from '../../src/gateway/index.ts'
import { deferred } from '../../src/promises.ts'
import type { StartOptions } from '../../src/types/options.ts'
import { until } from '../support/host.ts'
import { ask, connectRaw, echoUpgrades, newStage, type Play, turns, upgradeHead } from '../support/lives.ts'

type OnUpgrade = (request: http.IncomingMessage, socket: Duplex, head: Buffer) => void

/** Starts a server of the host, and returns its port. */
async function startServer(listener: http.RequestListener, onUpgrade?: OnUpgrade): Promise<number> {
  const server = http.createServer(listener)
  if (onUpgrade) server.on('upgrade', onUpgrade)
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

describe('headers of a response, in a server of the host', () => {
  const FIRST: readonly (readonly [string, (response: http.ServerResponse) => unknown])[] = [
    ['has set none', () => {}],
    ['has set one', (response) => response.setHeader('X-Powered-By', 'Express')],
    ['has removed one', (response) => response.setHeader('X-A', '1').removeHeader('X-A')],
    [
      'has set the same ones',
      (response) => response.setHeader('set-cookie', 'c=3').setHeader('vary', 'Origin'),
    ],
  ]

  test.each(FIRST)(
    'all reach the client if the host %s, and replace those of the same name',
    async (_what, first) => {
      const { gateway } = await newStage({
        handler: (_request, response) => {
          const headers = [
            'Set-Cookie',
            'a=1',
            'X-B',
            'b',
            'set-cookie',
            'b=2',
            'Vary',
            'Accept',
            'Vary',
            'Cookie',
          ]
          response.writeHead(200, headers).end()
        },
      })
      const port = await startServer((request, response) => {
        first(response)
        gateway.handler(request, response)
      })
      const { headers } = await ask({ port })
      expect(headers).toMatchObject({ 'set-cookie': ['a=1', 'b=2'], vary: 'Accept, Cookie', 'x-b': 'b' })
    },
  )

  test('leave headers of the host with other names unchanged', async () => {
    const { gateway } = await newStage()
    const port = await startServer((request, response) => {
      response.setHeader('X-Powered-By', 'Express').setHeader('Set-Cookie', ['a=1', 'b=2'])
      gateway.handler(request, response)
    })
    const { headers } = await ask({ port })
    expect(headers).toMatchObject({ 'x-powered-by': 'Express', 'set-cookie': ['a=1', 'b=2'] })
  })
})

describe('an upgrade, in a server of the host', () => {
  const ROUTES: readonly (readonly [
    string,
    (app: StartOptions, chosen: Promise<null>) => Route[] | Chooser,
  ])[] = [
    ['a table', (app) => [{ host: 'app.localhost', to: app }]],
    [
      'a function',
      (app, chosen) =>
        ({ headers }) =>
          headers.host === 'app.localhost' ? app : chosen,
    ],
  ]

  test.each(ROUTES)(
    'is left to the host, with all bytes that were sent, if no route of %s matches',
    async (_what, routesOf) => {
      const { child, sys, spinner } = await newStage({ opens: async (life) => echoUpgrades(life) })
      const chosen = deferred<null>()
      const front = createGatewayOn(sys, spinner, { routes: routesOf(child('app'), chosen.promise) })
      const met = deferred<net.Socket>()
      const port = await startServer(front.handler, (request, socket, head) => {
        front.upgrade(request, socket, head, () => {
          socket.write(`HTTP/1.1 101 OK\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nhost: ${head}`)
          socket.on('data', (chunk) => socket.write(chunk)).on('end', () => socket.end())
        })
        met.resolve(socket as net.Socket)
      })
      const own = connectRaw(port)
      const first = `${upgradeHead('/', 'own.localhost')}early `
      own.socket.write(first)
      const socket = await met.promise
      own.socket.write('birds ')
      await until(() => socket.bytesRead > first.length)
      chosen.resolve(null)
      own.socket.write('sing')
      await until(() => own.text().endsWith('\r\n\r\nhost: early birds sing'))
      own.socket.end()
      await own.closed
      const routed = connectRaw(port)
      routed.socket.write(upgradeHead())
      await until(() => routed.text().includes('X-Life: 1'))
      routed.socket.destroy()
      await routed.closed
      await front.close()
    },
  )
})

test('H51: a response that cannot be written closes its connection, and the host survives', async () => {
  const { gateway } = await newStage()
  const port = await startServer((request, response) => {
    // Do what a faulty library that rewrites headers would do.
    response.writeHead = () => {
      throw new Error('broken')
    }
    gateway.handler(request, response)
  })
  for (const path of ['/', '/..'])
    await expect(ask({ port, path })).rejects.toMatchObject({ code: 'ECONNRESET' })
})

describe('closing a gateway in a server of the host', () => {
  const IN_FLIGHT: readonly (readonly [string, Play])[] = [
    ['waits for its child', { opens: () => new Promise(() => {}) }],
    ['cannot be sent', { opens: async ({ server }) => server.once('listening', () => server.close()) }],
    ['has no response', { handler: () => {} }],
  ]

  test.each(IN_FLIGHT)('ends a request that %s, and releases the child', async (_what, play) => {
    const { child, clock, spinner, sys } = await newStage(play)
    const front = createGatewayOn(sys, spinner, { routes: [{ to: child('app') }], drainTimeout: 1 })
    const port = await startServer(front.handler)
    const response = ask({ port, headers: { host: 'localhost' } })
    await until(() => spinner.get('app')?.leases === 1)
    await turns(50)
    const closed = front.close()
    await clock.advance(2)
    await closed
    expect((await response).status).toBe(503)
    await until(() => spinner.get('app')?.leases === 0)
    // From now on the gateway rejects requests.
    expect(await ask({ port, headers: { host: 'localhost' } })).toMatchObject({
      status: 503,
      headers: { connection: 'close', 'retry-after': '5' },
    })
  })
})
