import { readFileSync } from 'node:fs'
import type net from 'node:net'
import { describe, expect, test } from 'vitest'
import { deferred } from '../../../src/promises.ts'
import { until } from '../../support/host.ts'
import { connectRaw, echoUpgrades, type Life, newStage, type Play, upgradeHead } from '../../support/lives.ts'

/** Children that echo on upgraded connections, and respond to ordinary requests. */
const ECHO: Play = { opens: async (life) => echoUpgrades(life) }

const ACCEPTED =
  /^HTTP\/1\.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\nX-Life: 1\r\n\r\n/

describe('an upgrade', () => {
  test('starts the child, waits for it, and then forwards data in both directions', async () => {
    const { port, spinner } = await newStage(ECHO)
    const { closed, socket, text } = connectRaw(port)
    socket.write(upgradeHead())
    await until(() => ACCEPTED.test(text()))
    expect(spinner.get('app')?.leases).toBe(1)
    socket.write('ping')
    await until(() => text().endsWith('\r\n\r\nping'))
    socket.end()
    await closed
    await until(() => spinner.get('app')?.leases === 0)
  })

  test('reaches the child with the headers of the client, but without hop-by-hop headers', async () => {
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

  test('H49: forwards early data after the child has accepted, and never if the child refuses', async () => {
    const received: string[] = []
    const opened = deferred<void>()
    const { port } = await newStage({
      opens: async (life) => {
        await opened.promise
        life.server.on('request', (request) => received.push(String(request.url)))
        life.server.on('upgrade', (request, socket: net.Socket) => {
          const accepts = request.url === '/yes'
          socket.write(accepts ? 'HTTP/1.1 101 OK\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n' : REFUSED)
          socket.on('data', (chunk) => received.push(String(chunk)))
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
    await until(() => received.join('') === 'early birds')
    yes.socket.destroy()
    await yes.closed
  })

  test('that the child refuses ends with its response', async () => {
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

  test('that an ordinary server treats as a request gets its response', async () => {
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
  ])('H49: is refused with %i and starts nothing: %j', async (status, head) => {
    const { lives, port } = await newStage(ECHO)
    const { closed, socket, text } = connectRaw(port)
    socket.write(head)
    await closed
    expect(text()).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `))
    expect(text()).not.toContain('other.localhost')
    expect(lives).toHaveLength(0)
  })

  test('whose client disconnects while it waits releases the child', async () => {
    const opened = deferred<void>()
    const { port, spinner } = await newStage({ opens: () => opened.promise })
    for (const disconnect of ['destroy', 'end', 'resetAndDestroy'] as const) {
      const { closed, socket } = connectRaw(port)
      socket.write(upgradeHead())
      await until(() => spinner.get('app')?.leases === 1)
      socket[disconnect]()
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

describe('an upgraded connection', () => {
  async function opened(
    play = ECHO,
  ): Promise<ReturnType<typeof connectRaw> & Awaited<ReturnType<typeof newStage>>> {
    const stage = await newStage(play, {}, { idleTimeSec: 80 })
    const raw = connectRaw(stage.port)
    raw.socket.write(upgradeHead())
    await until(() => ACCEPTED.test(raw.text()))
    return { ...raw, ...stage }
  }

  test('keeps the child running even without traffic', async () => {
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

  test('does not delay a restart: the child gets a moment to close it, and then the gateway closes it', async () => {
    const { clock, closed, lives, spinner } = await opened()
    await spinner.restart('app')
    expect(lives).toHaveLength(2)
    await clock.advance(2)
    await closed
  })

  test('reads from the child only as fast as the client reads', async () => {
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
    'H54: uses TCP keep-alive to detect a peer that has vanished',
    async () => {
      const { port, socket } = await opened()
      const local = (socket.localPort as number).toString(16).toUpperCase().padStart(4, '0')
      const remote = port.toString(16).toUpperCase().padStart(4, '0')
      const row = readFileSync('/proc/net/tcp', 'latin1')
        .split('\n')
        .find((line) => line.includes(`0100007F:${remote} 0100007F:${local} 01`))
      // Expect the keep-alive timer, which is 02 in the table of proc_net_tcp.
      expect(row?.trim().split(/\s+/)[5]).toMatch(/^02:/)
      socket.destroy()
    },
  )
})

const REFUSED = 'HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno'
