import { readFileSync } from 'node:fs'
import type net from 'node:net'
import { describe, expect, test } from 'vitest'
import { deferred } from '../../../src/promises.ts'
import { until } from '../../support/host.ts'
import { connectRaw, echoUpgrades, type Life, newStage, type Play, upgradeHead } from '../../support/lives.ts'

/** Lives that answer upgrades, and ordinary requests too. */
const echoing: Play = { opens: async (life) => echoUpgrades(life) }

const AGREED =
  /^HTTP\/1\.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\nX-Life: 1\r\n\r\n/

describe('an upgrade', () => {
  test('wakes the child, waits for it, and then carries what either side says', async () => {
    const { port, spinner } = await newStage(echoing)
    const { closed, socket, text } = connectRaw(port)
    socket.write(upgradeHead())
    await until(() => AGREED.test(text()))
    expect(spinner.get('app')?.leases).toBe(1)
    socket.write('ping')
    await until(() => text().endsWith('\r\n\r\nping'))
    socket.end()
    await closed
    await until(() => spinner.get('app')?.leases === 0)
  })

  test('tells the child of itself as the client said it, and of nothing that is for one connection', async () => {
    const seen = deferred<string[]>()
    const { port } = await newStage({
      opens: async (life) =>
        void life.server.on('upgrade', (request, socket) => {
          seen.resolve(request.rawHeaders)
          socket.destroy()
        }),
    })
    const { closed, socket } = connectRaw(port)
    socket.write(upgradeHead('/a').replace('\r\n\r\n', '\r\nCookie: a=1\r\nX-Forwarded-For: 9.9.9.9\r\n\r\n'))
    const raw = await seen.promise
    const lines = raw.flatMap((name, at) => (at % 2 === 0 ? [`${name.toLowerCase()}: ${raw[at + 1]}`] : []))
    expect(lines).toEqual([
      'host: app.localhost',
      'connection: upgrade',
      'upgrade: websocket',
      'sec-websocket-version: 13',
      'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==',
      'cookie: a=1',
      'x-forwarded-proto: http',
      'x-forwarded-for: 127.0.0.1',
      'x-forwarded-host: app.localhost',
      'forwarded: for=127.0.0.1;proto=http;host="app.localhost"',
    ])
    await closed
  })

  test('H49: brings what was sent before the child agreed after that, and never if it does not', async () => {
    const got: string[] = []
    const opened = deferred<void>()
    const { port } = await newStage({
      opens: async (life) => {
        await opened.promise
        life.server.on('request', (request) => got.push(String(request.url)))
        life.server.on('upgrade', (request, socket: net.Socket) => {
          const agrees = request.url === '/yes'
          socket.write(agrees ? 'HTTP/1.1 101 OK\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n' : REFUSED)
          socket.on('data', (chunk) => got.push(String(chunk)))
        })
      },
    })
    const SMUGGLED = 'GET /smuggled HTTP/1.1\r\nHost: app.localhost\r\n\r\n'
    const no = connectRaw(port)
    no.socket.write(upgradeHead('/no') + SMUGGLED)
    const yes = connectRaw(port)
    yes.socket.write(`${upgradeHead('/yes')}early `)
    yes.socket.write('birds')
    opened.resolve()
    await no.closed
    expect(no.text()).toMatch(/^HTTP\/1\.1 403 Forbidden\r\n[\s\S]*\r\n\r\nno$/)
    await until(() => got.join('') === 'early birds')
    yes.socket.destroy()
    await yes.closed
  })

  test('that is refused by the child ends with its answer', async () => {
    const { port, spinner } = await newStage({
      opens: async (life) => void life.server.on('upgrade', (_request, socket) => socket.end(REFUSED)),
    })
    const { closed, socket, text } = connectRaw(port)
    socket.write(upgradeHead())
    await closed
    expect(text()).toMatch(/^HTTP\/1\.1 403 Forbidden\r\n/)
    expect(text()).toMatch(/\r\nconnection: close\r\n/i)
    expect(text()).toMatch(/\r\n\r\nno$/)
    await until(() => spinner.get('app')?.leases === 0)
  })

  test('that an ordinary server takes for a request gets its answer', async () => {
    const { port } = await newStage()
    const { closed, socket, text } = connectRaw(port)
    socket.write(upgradeHead())
    await closed
    expect(text()).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*life 1/)
  })

  test.each([
    [404, upgradeHead('/', 'other.localhost')],
    [404, upgradeHead('/../x')],
    [400, upgradeHead('//x')],
    [501, upgradeHead().replace('Upgrade: websocket', 'Upgrade: h2c')],
    [400, upgradeHead().replace('GET', 'POST')],
    [400, upgradeHead().replace('\r\n\r\n', '\r\nContent-Length: 5\r\n\r\nhello')],
  ])('H49: is refused with %i without a start: %j', async (status, head) => {
    const { lives, port } = await newStage(echoing)
    const { closed, socket, text } = connectRaw(port)
    socket.write(head)
    await closed
    expect(text()).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `))
    expect(text()).not.toContain('other.localhost')
    expect(lives).toHaveLength(0)
  })

  test('whose client goes away while it waits lets go of the child', async () => {
    const opened = deferred<void>()
    const { port, spinner } = await newStage({ opens: () => opened.promise })
    for (const leave of ['destroy', 'end', 'resetAndDestroy'] as const) {
      const { closed, socket } = connectRaw(port)
      socket.write(upgradeHead())
      await until(() => spinner.get('app')?.leases === 1)
      socket[leave]()
      await until(() => spinner.get('app')?.leases === 0)
      socket.destroy()
      await closed
    }
    opened.resolve()
  })

  test('whose child does not start gets 502', async () => {
    const { port } = await newStage(
      { opens: () => Promise.reject(new Error('no luck')) },
      {},
      { attempts: 1 },
    )
    const { closed, socket, text } = connectRaw(port)
    socket.write(upgradeHead())
    await closed
    expect(text()).toMatch(/^HTTP\/1\.1 502 [\s\S]*no luck/)
  })
})

describe('an open connection', () => {
  async function opened(
    play = echoing,
  ): Promise<ReturnType<typeof connectRaw> & Awaited<ReturnType<typeof newStage>>> {
    const stage = await newStage(play, {}, { idleTimeSec: 80 })
    const raw = connectRaw(stage.port)
    raw.socket.write(upgradeHead())
    await until(() => AGREED.test(raw.text()))
    return { ...raw, ...stage }
  }

  test('keeps the child awake however quiet it is', async () => {
    const { clock, lives, socket, spinner, text } = await opened()
    await clock.advance(3_600)
    expect(spinner.get('app')).toMatchObject({ state: 'started', leases: 1 })
    socket.write('still here')
    await until(() => text().endsWith('still here'))
    expect(lives).toHaveLength(1)
    socket.destroy()
    await until(() => spinner.get('app')?.leases === 0)
    await clock.advance(95)
    await until(() => spinner.get('app')?.state === 'stopped')
  })

  test.each(['client', 'child'] as const)('ends on both sides when the %s resets it', async (who) => {
    const childSide = deferred<net.Socket>()
    const play: Play = {
      opens: async (life: Life) => {
        echoUpgrades(life)
        life.server.on('upgrade', (_request, socket: net.Socket) => childSide.resolve(socket))
      },
    }
    const { closed, socket, spinner } = await opened(play)
    const other = await childSide.promise
    const otherClosed = new Promise((resolve) => other.once('close', resolve))
    if (who === 'client') socket.resetAndDestroy()
    else other.destroy()
    await Promise.all([closed, otherClosed])
    await until(() => spinner.get('app')?.leases === 0)
  })

  test('ends when the child crashes', async () => {
    const { closed, lives, spinner } = await opened()
    lives[0]?.end()
    await closed
    await until(() => spinner.get('app')?.leases === 0)
  })

  test('does not hold up a restart: the child gets a moment to end it, and then it ends', async () => {
    const { clock, closed, lives, spinner } = await opened()
    await spinner.restart('app')
    expect(lives).toHaveLength(2)
    await clock.advance(2)
    await closed
  })

  test('carries what is too much for the client only as fast as the client takes it', async () => {
    const SIZE = 16 * 1024 * 1024
    let written = 0
    const play: Play = {
      opens: async (life) =>
        void life.server.on('upgrade', (_request, socket: net.Socket) => {
          socket.on('error', () => {})
          socket.write('HTTP/1.1 101 OK\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-Life: 1\r\n\r\n')
          const more = (): void => {
            written += 64 * 1024
            if (written < SIZE) socket.write(Buffer.alloc(64 * 1024), more)
          }
          more()
        }),
    }
    const stage = await newStage(play)
    const { closed, socket } = connectRaw(stage.port)
    socket.pause()
    socket.write(upgradeHead())
    await until(() => written > 0)
    let [last, same] = [0, 0]
    await until(() => {
      same = written === last ? same + 1 : 0
      last = written
      return same > 20
    })
    expect(written).toBeLessThan(SIZE)
    socket.resume()
    await until(() => written >= SIZE)
    socket.destroy()
    await closed
  })

  test.runIf(process.platform === 'linux')(
    'H54: is watched for an end that has vanished without a word',
    async () => {
      const { port, socket } = await opened()
      const local = (socket.localPort as number).toString(16).toUpperCase().padStart(4, '0')
      const remote = port.toString(16).toUpperCase().padStart(4, '0')
      const row = readFileSync('/proc/net/tcp', 'latin1')
        .split('\n')
        .find((line) => line.includes(`0100007F:${remote} 0100007F:${local} 01`))
      // The timer of an established connection that asks whether the other end still lives; see proc_net_tcp.
      expect(row?.trim().split(/\s+/)[5]).toMatch(/^02:/)
      socket.destroy()
    },
  )
})

const REFUSED = 'HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno'
