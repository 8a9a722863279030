import { describe, expect, test } from 'vitest'
import { deferred } from '../../../src/promises.ts'
import { until } from '../../support/host.ts'
import { connectRaw, newStage, type Play, type Stage, turns } from '../../support/lives.ts'

const LARGE = 5_000_000
const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: app.localhost\r\n\r\n`
const leases = ({ spinner }: Stage): number | undefined => spinner.get('app')?.leases

describe('requests of a client that does not wait for its answers', () => {
  /** Where the second and the third of three requests are when their client leaves; the first has no answer yet. */
  const PLACES: readonly (readonly [string, Play])[] = [
    ['have no answer', { handler: () => {} }],
    [
      'have a long answer, whose turn has not come',
      {
        handler: ({ url }, response) => {
          if (url !== '/1') response.end(Buffer.alloc(LARGE))
        },
      },
    ],
    ['wait for the child', { opens: () => new Promise(() => {}) }],
  ]

  describe.each(PLACES)('and %s', (_where, play) => {
    test.each(['destroy', 'resetAndDestroy', 'end'] as const)(
      'let go of the child when the client leaves (%s)',
      async (leave) => {
        const stage = await newStage(play)
        const { closed, socket } = connectRaw(stage.port)
        socket.write(get('/1') + get('/2') + get('/3'))
        await until(() => leases(stage) === 3)
        // Whatever of the answers can arrive has arrived.
        await turns(50)
        socket[leave]()
        await until(() => leases(stage) === 0)
        socket.destroy()
        await closed
      },
    )
  })

  test.each([10, 500_000])('are all answered in their order, with %i bytes each', async (length) => {
    const mayAnswer = deferred<void>()
    const { port } = await newStage({
      handler: async ({ url }, response) => {
        if (url === '/1') await mayAnswer.promise
        response.write(`<${url}>`)
        response.end('x'.repeat(length))
      },
    })
    const numbers = Array.from({ length: 20 }, (_, at) => at + 1)
    const { closed, socket, text } = connectRaw(port)
    socket.write(numbers.map((number) => get(`/${number}`)).join(''))
    await turns(50)
    expect(text()).toBe('')
    mayAnswer.resolve()
    await until(() => text().split('\r\n0\r\n\r\n').length > numbers.length || socket.destroyed)
    expect(text().match(/<\/\d+>/g)).toEqual(numbers.map((number) => `</${number}>`))
    expect(text().length).toBeGreaterThan(numbers.length * length)
    socket.destroy()
    await closed
  })

  test('are all answered whole when a short answer is there while a long one is read slowly', async () => {
    const LONG = 16_000_000
    const mayAnswer = deferred<void>()
    let answered = 0
    const { port } = await newStage({
      handler: async ({ url }, response) => {
        if (url !== '/1') await mayAnswer.promise
        response.write('x'.repeat(url === '/1' ? LONG : 50_000))
        response.end()
        answered++
      },
    })
    const { closed, socket, text } = connectRaw(port)
    socket.pause()
    socket.write(get('/1') + get('/2') + get('/3'))
    await until(() => answered === 1)
    await turns(50)
    mayAnswer.resolve()
    await until(() => answered === 3)
    await turns(50)
    socket.resume()
    await until(() => text().split('\r\n0\r\n\r\n').length > 3 || socket.destroyed)
    expect(text().length).toBeGreaterThan(LONG + 100_000)
    socket.destroy()
    await closed
  })

  test('are answered whole although a process closes its connection meanwhile', async () => {
    const mayAnswer = deferred<void>()
    let closed = 0
    const stage = await newStage({
      handler: async ({ socket, url }, response) => {
        if (url === '/1') await mayAnswer.promise
        response.writeHead(200, { 'content-length': 50_000, connection: 'keep-alive' })
        socket.once('close', () => closed++)
        response.end('x'.repeat(50_000), () => socket.end())
      },
    })
    const client = connectRaw(stage.port)
    client.socket.write(get('/1') + get('/2') + get('/3'))
    await until(() => closed === 2)
    mayAnswer.resolve()
    await until(() => client.text().match(/x{50000}/g)?.length === 3 || client.socket.destroyed)
    expect(client.text().match(/x{50000}/g)).toHaveLength(3)
    client.socket.destroy()
    await client.closed
  })

  test('are all answered when the gateway closes, however slowly they are read', async () => {
    const COUNT = 200
    let asked = 0
    const stage = await newStage({
      handler: (_request, response) => {
        asked++
        response.end('x'.repeat(50_000))
      },
    })
    const { closed, socket, text } = connectRaw(stage.port)
    socket.pause()
    socket.write(get('/').repeat(COUNT))
    // Too much for the system, so that most of it stays here, and the child has nothing to do with it any more.
    await until(() => asked === COUNT && leases(stage) === 0)
    const over = stage.gateway.close()
    await turns(50)
    socket.resume()
    await closed
    await over
    expect(text().match(/200 OK/g)).toHaveLength(COUNT)
    expect(text().match(/x{50000}/g)).toHaveLength(COUNT)
  })
})
