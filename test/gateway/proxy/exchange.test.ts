import http from 'node:http'
import net from 'node:net'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { deferred } from '../../../src/promises.ts'
import { next, until } from '../../support/host.ts'
import { ask, connectRaw, newStage, type Raw, type Stage, upgradeHead } from '../../support/lives.ts'

const uncaught: unknown[] = []
const record = (thrown: unknown): number => uncaught.push(thrown)

beforeAll(() => {
  process.on('uncaughtException', record).on('unhandledRejection', record)
})

afterAll(() => {
  process.off('uncaughtException', record).off('unhandledRejection', record)
  expect(uncaught).toEqual([])
})

/** The child's end of a connection, and the text that it has received. */
interface ChildEnd {
  readonly socket: net.Socket
  text: string
}

interface ManualStage extends Stage {
  /** Connections of the child on which data has arrived. */
  readonly ends: ChildEnd[]
}

/** Creates a gateway in front of a child that only reads. The test writes the responses. */
async function newManualStage(opens?: () => Promise<unknown>): Promise<ManualStage> {
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

/** Brings a request to a phase. Returns the child's end of the connection, if there is one. */
type Phase = (stage: ManualStage, raw: Raw) => Promise<ChildEnd | null>

const atChild = async ({ ends }: ManualStage, isReady: (end: ChildEnd) => boolean): Promise<ChildEnd> =>
  until(() => ends.find(isReady), 'the request at the child')

/** Phases of a request at which a side resets its connection. */
const PHASES: readonly (readonly [string, Phase])[] = [
  [
    'a request with half its head received',
    async (_stage, { socket }) => {
      socket.write(GET.slice(0, 20))
      await new Promise((resolve) => setImmediate(resolve))
      return null
    },
  ],
  [
    'a request without a response',
    async (stage, { socket }) => {
      socket.write(GET)
      return atChild(stage, ({ text }) => text.includes('\r\n\r\n'))
    },
  ],
  [
    'a request with half its body received',
    async (stage, { socket }) => {
      socket.write(`${POST}half`)
      return atChild(stage, ({ text }) => text.endsWith('half'))
    },
  ],
  [
    'a response with half its head received',
    async (stage, { socket }) => {
      socket.write(GET)
      const end = await atChild(stage, ({ text }) => text !== '')
      end.socket.write('HTTP/1.1 200 OK\r\nContent-')
      return end
    },
  ],
  [
    'a response with its head received',
    async (stage, { socket, text }) => {
      socket.write(GET)
      const end = await atChild(stage, ({ text }) => text !== '')
      end.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n')
      await until(() => text().includes('\r\n\r\n'))
      return end
    },
  ],
  [
    'a response with half its body received',
    async (stage, { socket, text }) => {
      socket.write(GET)
      const end = await atChild(stage, ({ text }) => text !== '')
      end.socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n')
      await until(() => text().includes('half'))
      return end
    },
  ],
  [
    'a response that came before the whole request',
    async (stage, { socket, text }) => {
      socket.write(`${POST}half`)
      const end = await atChild(stage, ({ text }) => text.endsWith('half'))
      end.socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n')
      await until(() => text().includes('half'))
      return end
    },
  ],
  [
    'a response that the client does not read',
    async (stage, { socket }) => {
      socket.pause()
      socket.write(GET)
      const end = await atChild(stage, ({ text }) => text !== '')
      end.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 50000000\r\n\r\n')
      end.socket.write(Buffer.alloc(20_000_000))
      await until(() => end.socket.writableLength > 0)
      return end
    },
  ],
  [
    'an upgrade without a response',
    async (stage, { socket }) => {
      socket.write(upgradeHead())
      return atChild(stage, ({ text }) => text.includes('\r\n\r\n'))
    },
  ],
  [
    'an upgrade with half its response received',
    async (stage, { socket }) => {
      socket.write(upgradeHead())
      const end = await atChild(stage, ({ text }) => text !== '')
      end.socket.write(SWITCH.slice(0, 30))
      return end
    },
  ],
  [
    'an upgrade that was rejected with half a response',
    async (stage, { socket, text }) => {
      socket.write(upgradeHead())
      const end = await atChild(stage, ({ text }) => text !== '')
      end.socket.write('HTTP/1.1 403 No\r\nContent-Length: 10\r\n\r\nhalf')
      await until(() => text().includes('half'))
      return end
    },
  ],
  [
    'an upgraded connection',
    async (stage, { socket, text }) => {
      socket.write(upgradeHead())
      const end = await atChild(stage, ({ text }) => text !== '')
      end.socket.write(SWITCH)
      await until(() => text().includes('101'))
      return end
    },
  ],
  [
    'an upgraded connection whose buffers are full',
    async (stage, { socket }) => {
      socket.pause()
      socket.write(upgradeHead())
      const end = await atChild(stage, ({ text }) => text !== '')
      end.socket.write(SWITCH)
      end.socket.write(Buffer.alloc(20_000_000))
      await until(() => end.socket.writableLength > 0)
      return end
    },
  ],
]

/** Ways in which a side disconnects. A unix socket cannot be reset explicitly, but unread data causes a reset. */
const CLIENT_LEAVES = ['resetAndDestroy', 'destroy', 'end'] as const
const CHILD_LEAVES = ['destroy', 'end'] as const

const MOST_ROUNDS = 1_000
/** Ten milliseconds on an idle machine; passing on a disconnect takes four at most (docs/hazards.md#h51). */
const SOON = 100

/**
 * Returns a function that counts the round trips on a separate connection until something has happened. A busy machine
 * delays both alike, so the count shows the speed of the gateway and not the load of the machine.
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
  test.each(CLIENT_LEAVES)('ends for the child too when the client disconnects (%s)', async (leave) => {
    const stage = await newManualStage()
    const raw = connectRaw(stage.port)
    const end = await bring(stage, raw)
    raw.socket[leave]()
    if (leave === 'end') raw.socket.resume()
    await raw.closed
    if (end) await closing(end)
    await until(() => (stage.spinner.get('app')?.leases ?? 0) === 0, 'the end of the lease')
    expect(stage.spinner.get('app')?.crashes ?? 0).toBe(0)
  })

  test('ends on both sides at once when the client resets it', async () => {
    const [stage, rounds] = [await newManualStage(), await newRounds()]
    const raw = connectRaw(stage.port)
    const end = await bring(stage, raw)
    raw.socket.resetAndDestroy()
    const isOver = (): boolean => (end?.socket.destroyed ?? true) && !stage.spinner.get('app')?.leases
    expect(await rounds(isOver)).toBeLessThan(SOON)
    await raw.closed
  })

  test('ends on both sides at once when the child resets it', async () => {
    const [stage, rounds] = [await newManualStage(), await newRounds()]
    const raw = connectRaw(stage.port)
    const end = await bring(stage, raw)
    if (end === null) return void raw.socket.destroy()
    raw.socket.resume()
    end.socket.destroy()
    stage.ends.length = 0
    const isOver = (): boolean => {
      // The gateway sends a request without a body once more if it got no response.
      stage.ends.pop()?.socket.destroy()
      return (raw.socket.destroyed || hasErrorPage(raw)) && !stage.spinner.get('app')?.leases
    }
    expect(await rounds(isOver)).toBeLessThan(SOON)
    raw.socket.destroy()
    await raw.closed
  })

  test.each(CHILD_LEAVES)('ends for the client too when the child disconnects (%s)', async (leave) => {
    const stage = await newManualStage()
    const raw = connectRaw(stage.port)
    const end = await bring(stage, raw)
    if (end === null) return void raw.socket.destroy()
    end.socket[leave]()
    raw.socket.resume()
    // The gateway sends a request without a body once more if it got no response.
    await until(() => raw.socket.destroyed || hasErrorPage(raw) || stage.ends.length === 2)
    if (stage.ends.length === 2) stage.ends[1]?.socket.destroy()
    await until(() => raw.socket.destroyed || hasErrorPage(raw))
    raw.socket.destroy()
    await raw.closed
    await until(() => stage.spinner.get('app')?.leases === 0, 'the end of the lease')
  })

  test('ends for the client too when the process dies', async () => {
    const stage = await newManualStage()
    const raw = connectRaw(stage.port)
    const end = await bring(stage, raw)
    if (end === null) return void raw.socket.destroy()
    raw.socket.resume()
    stage.lives[0]?.end()
    await until(() => raw.socket.destroyed || hasErrorPage(raw) || stage.ends.length === 2)
    raw.socket.destroy()
    await raw.closed
    await until(() => stage.spinner.get('app')?.leases === 0, 'the end of the lease')
  })
})

const hasErrorPage = ({ text }: Raw): boolean => /^HTTP\/1\.1 50[234] /.test(text())

describe('H51: a child that does not speak HTTP', () => {
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
  ])('and sends %j leads to 502', async (bytes) => {
    const stage = await newManualStage()
    const asked = ask({ port: stage.port, method: 'POST', body: 'x' })
    const end = await atChild(stage, ({ text }) => text.endsWith('x'))
    end.socket.end(bytes, 'latin1')
    expect((await asked).status).toBe(502)
  })

  test('and sends more than it announced: the response ends at its length, and no client gets the rest', async () => {
    const stage = await newManualStage()
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
    const first = ask({ port: stage.port, agent })
    const end = await atChild(stage, ({ text }) => text !== '')
    const POISON = 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison'
    end.socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nwell${POISON}`)
    expect((await first).body).toBe('well')
    const second = ask({ port: stage.port, agent })
    const other = await until(() => stage.ends[1])
    other.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfresh')
    expect((await second).body).toBe('fresh')
    agent.destroy()
  })
})

test('H51: a request is sent again, with its body, if its child cannot be reached for a moment', async () => {
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

test('H51: a request fails after `wait` if its child cannot be reached at all', async () => {
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
