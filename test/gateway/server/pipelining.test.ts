import { describe, expect, test } from 'vitest'
import { deferred } from '../../../src/promises.ts'
import { until } from '../../support/host.ts'
import { connectRaw, newStage, type Play, type Stage, turns } from '../../support/lives.ts'

const LARGE = 5_000_000
const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: app.localhost\r\n\r\n`
const leases = ({ spinner }: Stage): number | undefined => spinner.get('app')?.leases

describe('pipelined requests', () => {
  /** State of the second and third request when their client disconnects; the first has no response yet. */
  const STATES: readonly (readonly [string, Play])[] = [
    ['have no response', { handler: () => {} }],
    [
      'have a long response that waits for an earlier one',
      {
        handler: ({ url }, response) => {
          if (url !== '/1') response.end(Buffer.alloc(LARGE))
        },
      },
    ],
    ['wait for the child', { opens: () => new Promise(() => {}) }],
  ]

  describe.each(STATES)('that %s', (_state, play) => {
    test.each(['destroy', 'resetAndDestroy', 'end'] as const)(
      'release the child when the client disconnects (%s)',
      async (disconnect) => {
        const stage = await newStage(play)
        const { closed, socket } = connectRaw(stage.port)
        socket.write(get('/1') + get('/2') + get('/3'))
        await until(() => leases(stage) === 3)
        // Let everything arrive that can arrive.
        await turns(50)
        socket[disconnect]()
        await until(() => leases(stage) === 0)
        socket.destroy()
        await closed
      },
    )
  })

  test.each([10, 500_000])('all get their responses in order, with %i bytes each', async (length) => {
    const mayRespond = deferred<void>()
    const { port } = await newStage({
      handler: async ({ url }, response) => {
        if (url === '/1') await mayRespond.promise
        response.write(`<${url}>`)
        response.end('x'.repeat(length))
      },
    })
    const numbers = Array.from({ length: 20 }, (_, at) => at + 1)
    const { closed, socket, text } = connectRaw(port)
    socket.write(numbers.map((number) => get(`/${number}`)).join(''))
    await turns(50)
    expect(text()).toBe('')
    mayRespond.resolve()
    await until(() => text().split('\r\n0\r\n\r\n').length > numbers.length || socket.destroyed)
    expect(text().match(/<\/\d+>/g)).toEqual(numbers.map((number) => `</${number}>`))
    expect(text().length).toBeGreaterThan(numbers.length * length)
    socket.destroy()
    await closed
  })

  test('all get complete responses if a short one is ready while a long one is read slowly', async () => {
    const LONG = 16_000_000
    const mayRespond = deferred<void>()
    let responses = 0
    const { port } = await newStage({
      handler: async ({ url }, response) => {
        if (url !== '/1') await mayRespond.promise
        response.write('x'.repeat(url === '/1' ? LONG : 50_000))
        response.end()
        responses++
      },
    })
    const { closed, socket, text } = connectRaw(port)
    socket.pause()
    socket.write(get('/1') + get('/2') + get('/3'))
    await until(() => responses === 1)
    await turns(50)
    mayRespond.resolve()
    await until(() => responses === 3)
    await turns(50)
    socket.resume()
    await until(() => text().split('\r\n0\r\n\r\n').length > 3 || socket.destroyed)
    expect(text().length).toBeGreaterThan(LONG + 100_000)
    socket.destroy()
    await closed
  })

  test('all get complete responses although the process closes its connection meanwhile', async () => {
    const mayRespond = deferred<void>()
    let closed = 0
    const stage = await newStage({
      handler: async ({ socket, url }, response) => {
        if (url === '/1') await mayRespond.promise
        response.writeHead(200, { 'content-length': 50_000, connection: 'keep-alive' })
        socket.once('close', () => closed++)
        response.end('x'.repeat(50_000), () => socket.end())
      },
    })
    const client = connectRaw(stage.port)
    client.socket.write(get('/1') + get('/2') + get('/3'))
    await until(() => closed === 2)
    mayRespond.resolve()
    await until(() => client.text().match(/x{50000}/g)?.length === 3 || client.socket.destroyed)
    expect(client.text().match(/x{50000}/g)).toHaveLength(3)
    client.socket.destroy()
    await client.closed
  })

  test('all get their responses when the gateway closes, however slowly the client reads', async () => {
    const COUNT = 200
    let received = 0
    const stage = await newStage({
      handler: (_request, response) => {
        received++
        response.end('x'.repeat(50_000))
      },
    })
    const { closed, socket, text } = connectRaw(stage.port)
    socket.pause()
    socket.write(get('/').repeat(COUNT))
    // The responses exceed the socket buffers, so most bytes stay in the gateway, and the child has finished.
    await until(() => received === COUNT && leases(stage) === 0)
    const gatewayClosed = stage.gateway.close()
    await turns(50)
    socket.resume()
    await closed
    await gatewayClosed
    expect(text().match(/200 OK/g)).toHaveLength(COUNT)
    expect(text().match(/x{50000}/g)).toHaveLength(COUNT)
  })
})
