import http from 'node:http'
import net from 'node:net'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { deferred } from '../../../src/promises.ts'
import { next, until } from '../../support/host.ts'
import { ask, connectRaw, newStage, type Raw, type Stage, upgradeHead } from '../../support/lives.ts'

const uncaught: unknown[] = []
const note = (thrown: unknown): number => uncaught.push(thrown)

beforeAll(() => {
  process.on('uncaughtException', note).on('unhandledRejection', note)
})

afterAll(() => {
  process.off('uncaughtException', note).off('unhandledRejection', note)
  expect(uncaught).toEqual([])
})

/** The child's end of a connection, and what it has read of it. */
interface ChildEnd {
  readonly socket: net.Socket
  text: string
}

interface Bench extends Stage {
  /** Connections of the child that have brought something. */
  readonly ends: ChildEnd[]
}

/** A gateway before a child that reads and says nothing; the test says it. */
async function newBench(opens?: () => Promise<unknown>): Promise<Bench> {
  const ends: ChildEnd[] = []
  const newServer = (): net.Server =>
    net.createServer((socket) => {
      const end: ChildEnd = { socket, text: '' }
      socket.on('error', () => {}).setEncoding('latin1')
      socket.on('data', (chunk: string) => {
        if (end.text === '') ends.push(end)
        end.text += chunk
      })
    })
  const stage = await newStage({ newServer, ...(opens && { opens }) }, {}, { maxRestarts: 100 })
  return { ...stage, ends }
}

const HOST = 'Host: app.localhost\r\n'
const GET = `GET / HTTP/1.1\r\n${HOST}\r\n`
const POST = `POST / HTTP/1.1\r\n${HOST}Content-Length: 1000000\r\n\r\n`
const SWITCH = 'HTTP/1.1 101 OK\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'

/** Brings a request so far, and gives the connection of the child when there is one. */
type Phase = (bench: Bench, raw: Raw) => Promise<ChildEnd | null>

const atChild = async ({ ends }: Bench, isThere: (end: ChildEnd) => boolean): Promise<ChildEnd> =>
  until(() => ends.find(isThere), 'the request at the child')

/** What is asked, and how far it has come when somebody resets it. */
const PHASES: readonly (readonly [string, Phase])[] = [
  [
    'a request of which half the head has come',
    async (_bench, { socket }) => {
      socket.write(GET.slice(0, 20))
      await new Promise((resolve) => setImmediate(resolve))
      return null
    },
  ],
  [
    'a request that has no answer yet',
    async (bench, { socket }) => {
      socket.write(GET)
      return atChild(bench, ({ text }) => text.includes('\r\n\r\n'))
    },
  ],
  [
    'a request of which half the body has come',
    async (bench, { socket }) => {
      socket.write(`${POST}half`)
      return atChild(bench, ({ text }) => text.endsWith('half'))
    },
  ],
  [
    'an answer of which half the head has come',
    async (bench, { socket }) => {
      socket.write(GET)
      const end = await atChild(bench, ({ text }) => text !== '')
      end.socket.write('HTTP/1.1 200 OK\r\nContent-')
      return end
    },
  ],
  [
    'an answer of which the head has come',
    async (bench, { socket, text }) => {
      socket.write(GET)
      const end = await atChild(bench, ({ text }) => text !== '')
      end.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n')
      await until(() => text().includes('\r\n\r\n'))
      return end
    },
  ],
  [
    'an answer of which half the body has come',
    async (bench, { socket, text }) => {
      socket.write(GET)
      const end = await atChild(bench, ({ text }) => text !== '')
      end.socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n')
      await until(() => text().includes('half'))
      return end
    },
  ],
  [
    'an answer that came before all of the request',
    async (bench, { socket, text }) => {
      socket.write(`${POST}half`)
      const end = await atChild(bench, ({ text }) => text.endsWith('half'))
      end.socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n')
      await until(() => text().includes('half'))
      return end
    },
  ],
  [
    'an answer that the client does not read',
    async (bench, { socket }) => {
      socket.pause()
      socket.write(GET)
      const end = await atChild(bench, ({ text }) => text !== '')
      end.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 50000000\r\n\r\n')
      end.socket.write(Buffer.alloc(20_000_000))
      await until(() => end.socket.writableLength > 0)
      return end
    },
  ],
  [
    'an upgrade that has no answer yet',
    async (bench, { socket }) => {
      socket.write(upgradeHead())
      return atChild(bench, ({ text }) => text.includes('\r\n\r\n'))
    },
  ],
  [
    'an upgrade of whose answer half has come',
    async (bench, { socket }) => {
      socket.write(upgradeHead())
      const end = await atChild(bench, ({ text }) => text !== '')
      end.socket.write(SWITCH.slice(0, 30))
      return end
    },
  ],
  [
    'an upgrade that was refused with half an answer',
    async (bench, { socket, text }) => {
      socket.write(upgradeHead())
      const end = await atChild(bench, ({ text }) => text !== '')
      end.socket.write('HTTP/1.1 403 No\r\nContent-Length: 10\r\n\r\nhalf')
      await until(() => text().includes('half'))
      return end
    },
  ],
  [
    'a connection that was upgraded',
    async (bench, { socket, text }) => {
      socket.write(upgradeHead())
      const end = await atChild(bench, ({ text }) => text !== '')
      end.socket.write(SWITCH)
      await until(() => text().includes('101'))
      return end
    },
  ],
  [
    'a connection that was upgraded and is full',
    async (bench, { socket }) => {
      socket.pause()
      socket.write(upgradeHead())
      const end = await atChild(bench, ({ text }) => text !== '')
      end.socket.write(SWITCH)
      end.socket.write(Buffer.alloc(20_000_000))
      await until(() => end.socket.writableLength > 0)
      return end
    },
  ],
]

/** How a side goes away. A unix socket knows no reset of its own: what was not read makes one. */
const CLIENT_LEAVES = ['resetAndDestroy', 'destroy', 'end'] as const
const CHILD_LEAVES = ['destroy', 'end'] as const

const MOST_ROUNDS = 1_000
/** Ten milliseconds on an idle machine, since a cut takes four at most (docs/hazards.md#h51). */
const SOON = 100

/**
 * Counts how often a connection of its own can carry a byte there and back until something has happened. A busy machine
 * holds up both alike, so it tells how fast the gateway is and not how busy the machine.
 */
async function newRounds(): Promise<(hasHappened: () => boolean) => Promise<number>> {
  const echo = net.createServer((socket) => void socket.on('error', () => {}).pipe(socket))
  await new Promise<void>((resolve) => echo.listen(0, '127.0.0.1', resolve))
  const socket = net.connect((echo.address() as net.AddressInfo).port, '127.0.0.1')
  await next(socket, 'connect')
  onTestFinished(() => {
    socket.destroy()
    echo.close()
  })
  return async (hasHappened) => {
    let count = 0
    for (; !hasHappened() && count < MOST_ROUNDS; count++) {
      socket.write('x')
      await next(socket, 'data')
    }
    return count
  }
}

const closing = ({ socket }: ChildEnd): Promise<unknown> =>
  socket.destroyed ? Promise.resolve() : new Promise((resolve) => socket.once('close', resolve))

describe.each(PHASES)('H51: %s', (_what, bring) => {
  test.each(CLIENT_LEAVES)('whose client leaves (%s) is over for the child as well', async (leave) => {
    const bench = await newBench()
    const raw = connectRaw(bench.port)
    const end = await bring(bench, raw)
    raw.socket[leave]()
    if (leave === 'end') raw.socket.resume()
    await raw.closed
    if (end) await closing(end)
    await until(() => (bench.spinner.get('app')?.leases ?? 0) === 0, 'the end of the lease')
    expect(bench.spinner.get('app')?.crashes ?? 0).toBe(0)
  })

  test('is over on both sides at once when the client resets it', async () => {
    const [bench, rounds] = [await newBench(), await newRounds()]
    const raw = connectRaw(bench.port)
    const end = await bring(bench, raw)
    raw.socket.resetAndDestroy()
    const isOver = (): boolean => (end?.socket.destroyed ?? true) && !bench.spinner.get('app')?.leases
    expect(await rounds(isOver)).toBeLessThan(SOON)
    await raw.closed
  })

  test('is over on both sides at once when the child resets it', async () => {
    const [bench, rounds] = [await newBench(), await newRounds()]
    const raw = connectRaw(bench.port)
    const end = await bring(bench, raw)
    if (end === null) return void raw.socket.destroy()
    raw.socket.resume()
    end.socket.destroy()
    bench.ends.length = 0
    const isOver = (): boolean => {
      // A request without a body that was lost without a word is asked once more.
      bench.ends.pop()?.socket.destroy()
      return (raw.socket.destroyed || answered(raw)) && !bench.spinner.get('app')?.leases
    }
    expect(await rounds(isOver)).toBeLessThan(SOON)
    raw.socket.destroy()
    await raw.closed
  })

  test.each(CHILD_LEAVES)('whose child leaves (%s) is over for the client as well', async (leave) => {
    const bench = await newBench()
    const raw = connectRaw(bench.port)
    const end = await bring(bench, raw)
    if (end === null) return void raw.socket.destroy()
    end.socket[leave]()
    raw.socket.resume()
    // A request without a body that was lost without a word is asked once more.
    await until(() => raw.socket.destroyed || answered(raw) || bench.ends.length === 2)
    if (bench.ends.length === 2) bench.ends[1]?.socket.destroy()
    await until(() => raw.socket.destroyed || answered(raw))
    raw.socket.destroy()
    await raw.closed
    await until(() => bench.spinner.get('app')?.leases === 0, 'the end of the lease')
  })

  test('whose process dies is over for the client as well', async () => {
    const bench = await newBench()
    const raw = connectRaw(bench.port)
    const end = await bring(bench, raw)
    if (end === null) return void raw.socket.destroy()
    raw.socket.resume()
    bench.lives[0]?.end()
    await until(() => raw.socket.destroyed || answered(raw) || bench.ends.length === 2)
    raw.socket.destroy()
    await raw.closed
    await until(() => bench.spinner.get('app')?.leases === 0, 'the end of the lease')
  })
})

const answered = ({ text }: Raw): boolean => /^HTTP\/1\.1 50[234] /.test(text())

describe('H51: a child that speaks no HTTP', () => {
  test.each([
    'SSH-2.0-OpenSSH_9.2\r\n',
    'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!',
    'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    'HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n',
    `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(100_000)}\r\n\r\n`,
    'HTTP/1.1 100 Continue\r\n\r\n',
    'HTTP/1.1 101 OK\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
    'HTTP/1.1 999999 No\r\n\r\n',
    'HTTP/1.1 000 No\r\nContent-Length: 0\r\n\r\n',
    '\r\n\r\n\r\n',
  ])('and says %j is answered with 502', async (said) => {
    const bench = await newBench()
    const asked = ask({ port: bench.port, method: 'POST', body: 'x' })
    const end = await atChild(bench, ({ text }) => text.endsWith('x'))
    end.socket.end(said, 'latin1')
    expect((await asked).status).toBe(502)
  })

  test('and more than it announced: the answer ends where it said, and nothing of the rest reaches anyone', async () => {
    const bench = await newBench()
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
    const first = ask({ port: bench.port, agent })
    const end = await atChild(bench, ({ text }) => text !== '')
    const POISON = 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison'
    end.socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nwell${POISON}`)
    expect((await first).body).toBe('well')
    const second = ask({ port: bench.port, agent })
    const other = await until(() => bench.ends[1])
    other.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfresh')
    expect((await second).body).toBe('fresh')
    agent.destroy()
  })
})

test('H51: a child that cannot be reached for a moment is asked again, with its body', async () => {
  const opened = deferred<void>()
  const stage = await newStage({ handler: (request, response) => void request.pipe(response) })
  await ask({ port: stage.port })
  stage.lives[0]?.server.close()
  const asked = ask({ port: stage.port, method: 'POST', body: 'once' })
  await until(() => stage.spinner.get('app')?.leases === 1)
  stage.lives[0]?.server.listen(stage.lives[0].address, () => opened.resolve())
  await opened.promise
  for (let left = 20; left > 0; left--) await stage.clock.advance(0.05)
  expect(await asked).toMatchObject({ status: 200, body: 'once' })
})

test('H51: a child that cannot be reached at all is given up after `wait`', async () => {
  const stage = await newStage({}, { wait: 3 })
  await ask({ port: stage.port })
  stage.lives[0]?.server.close()
  const asked = ask({ port: stage.port, method: 'POST', body: 'once' })
  let isAnswered = false
  void asked.then(() => {
    isAnswered = true
  })
  while (!isAnswered) await stage.clock.advance(0.25)
  expect((await asked).status).toBe(503)
  const socket = net.connect(stage.port, '127.0.0.1').on('error', () => {})
  socket.destroy()
  if (!socket.closed) await next(socket, 'close')
})
