import http from 'node:http'
import net from 'node:net'
import { describe, expect, test } from 'vitest'
import { deferred } from '../../../src/promises.ts'
import { next, until } from '../../support/host.ts'
import { ask, connectRaw, type Handler, newStage, pour, settled } from '../../support/lives.ts'

/** Responds with a description of the request. */
const mirror: Handler = (request, response) => {
  const chunks: Buffer[] = []
  request.on('data', (chunk) => chunks.push(chunk))
  request.on('end', () => {
    const { headers, method, rawHeaders, trailers, url } = request
    response.end(
      JSON.stringify({ method, url, headers, rawHeaders, trailers, body: Buffer.concat(chunks).toString() }),
    )
  })
}

const mirrored = async (question: Parameters<typeof ask>[0]): Promise<Record<string, unknown>> =>
  JSON.parse((await ask(question)).body)

describe('a request', () => {
  test('reaches the child unchanged, with headers that describe its client', async () => {
    const { port } = await newStage({ handler: mirror })
    const question = {
      port,
      path: '/a%20b?c=d&e',
      method: 'PUT',
      body: 'hello',
      headers: { 'X-A': 'b', Via: '1.1 c' },
    }
    expect(await mirrored(question)).toMatchObject({
      method: 'PUT',
      url: '/a%20b?c=d&e',
      body: 'hello',
      headers: {
        host: 'app.localhost',
        'x-a': 'b',
        via: '1.1 c',
        'content-length': '5',
        'x-forwarded-for': '127.0.0.1',
        'x-forwarded-proto': 'http',
        'x-forwarded-host': 'app.localhost',
        forwarded: 'for=127.0.0.1;proto=http;host="app.localhost"',
      },
    })
  })

  test.each(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND', 'QUERY'])(
    'with the method %s is forwarded, with and without a body',
    async (method) => {
      const { port } = await newStage({
        handler: (request, response) => {
          let length = 0
          request.on('data', (chunk) => {
            length += chunk.length
          })
          request.on('end', () => response.setHeader('x-seen', `${request.method} ${length}`).end())
        },
      })
      expect((await ask({ port, method })).headers['x-seen']).toBe(`${method} 0`)
      if (method === 'HEAD') return
      const sized = { 'content-length': 4 }
      expect((await ask({ port, method, body: 'four', headers: sized })).headers['x-seen']).toBe(
        `${method} 4`,
      )
      const chunked = { 'transfer-encoding': 'chunked' }
      expect((await ask({ port, method, body: 'seven..', headers: chunked })).headers['x-seen']).toBe(
        `${method} 7`,
      )
    },
  )

  test('loses its trailers, and none of them reaches the child as a header', async () => {
    const { port } = await newStage({ handler: mirror })
    const { closed, socket, text } = connectRaw(port)
    socket.write(
      'POST / HTTP/1.1\r\nHost: app.localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n',
    )
    socket.write('3\r\nabc\r\n0\r\nX-Evil: 1\r\n\r\n')
    await closed
    expect(text()).toContain('"body":"abc"')
    expect(text()).toContain('"trailers":{}')
    expect(text()).not.toMatch(/x-evil/i)
  })

  test('states the prefix that the gateway has removed', async () => {
    const stage = await newStage({ handler: mirror })
    const { createGatewayOn } = await import('../../../src/gateway/index.ts')
    const front = createGatewayOn(stage.sys, stage.spinner, {
      routes: [{ path: '/docs', strip: true, to: stage.child('docs') }],
    })
    const { port } = await front.listen()
    expect(
      await mirrored({ port: port as number, path: '/docs/a?b', headers: { host: 'localhost' } }),
    ).toMatchObject({
      url: '/a?b',
      headers: { 'x-forwarded-prefix': '/docs' },
    })
    await front.close()
  })

  test('with `Expect: 100-continue` gets the 100 once the child is ready, and not before', async () => {
    const opened = deferred<void>()
    const { port, spinner } = await newStage({ handler: mirror, opens: () => opened.promise })
    const headers = { host: 'app.localhost', expect: '100-continue', 'content-length': 5 }
    const request = http.request({ host: '127.0.0.1', port, method: 'POST', headers, agent: false })
    let mayContinue = false
    request.on('continue', () => {
      mayContinue = true
      request.end('hello')
    })
    const response = next(request, 'response')
    request.flushHeaders()
    await until(() => spinner.get('app')?.leases === 1)
    expect(mayContinue).toBe(false)
    opened.resolve()
    const [answer] = (await response) as [http.IncomingMessage]
    answer.setEncoding('utf8')
    const [body] = await next(answer, 'data')
    expect(JSON.parse(String(body))).toMatchObject({ body: 'hello', headers: { 'content-length': '5' } })
    expect(JSON.parse(String(body)).headers).not.toHaveProperty('expect')
  })

  test('with `Expect: 100-continue` that is rejected never sends its body', async () => {
    const { lives, port } = await newStage({ handler: mirror }, { maxBody: 4 })
    const { closed, socket, text } = connectRaw(port)
    socket.write(
      'POST / HTTP/1.1\r\nHost: app.localhost\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n',
    )
    await until(() => text() !== '')
    expect(text()).toMatch(/^HTTP\/1\.1 413 /)
    socket.destroy()
    await closed
    expect(lives).toHaveLength(0)
  })

  test('with a body over the limit gets 413 at once; a chunked body as soon as it exceeds the limit', async () => {
    const { lives, port } = await newStage({ handler: mirror }, { maxBody: '1KB' })
    expect((await ask({ port, method: 'POST', body: 'x'.repeat(1_025) })).status).toBe(413)
    expect(lives).toHaveLength(0)
    expect((await ask({ port, method: 'POST', body: 'x'.repeat(1_024) })).status).toBe(200)
    const headers = { 'transfer-encoding': 'chunked' }
    expect((await ask({ port, method: 'POST', headers, body: 'x'.repeat(1_024) })).status).toBe(200)
    expect((await ask({ port, method: 'POST', headers, body: 'x'.repeat(500_000) })).status).toBe(413)
  })
})

describe('a response', () => {
  test('reaches the client unchanged, with its trailers', async () => {
    const { port } = await newStage({
      handler: (_request, response) => {
        response.writeHead(418, 'Short and stout', [
          ['Set-Cookie', 'a=1'],
          ['Set-Cookie', 'b=2'],
          ['X-Name', 'caf\xe9'],
          ['Trailer', 'X-Sum'],
        ] as never)
        response.write('tea')
        response.addTrailers({ 'X-Sum': '3', 'Set-Cookie': 'c=3' })
        response.end()
      },
    })
    expect(await ask({ port })).toMatchObject({
      status: 418,
      body: 'tea',
      headers: { 'set-cookie': ['a=1', 'b=2'], 'x-name': 'caf\xe9', trailer: 'X-Sum' },
      trailers: { 'x-sum': '3' },
    })
  })

  test.each([204, 304])('with status %i has no body, and its connection can be reused', async (status) => {
    const { port } = await newStage({
      handler: (_request, response) => void response.writeHead(status, { etag: '"1"' }).end(),
    })
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
    for (let left = 2; left > 0; left--)
      expect(await ask({ port, agent })).toMatchObject({ status, headers: { etag: '"1"' } })
    agent.destroy()
  })

  test('to HEAD keeps its length', async () => {
    const { port } = await newStage({
      handler: (_request, response) => void response.writeHead(200, { 'content-length': 5 }).end(),
    })
    expect(await ask({ port, method: 'HEAD' })).toMatchObject({
      status: 200,
      headers: { 'content-length': '5' },
    })
  })

  test('may be preceded by informational responses', async () => {
    const { port } = await newStage({
      handler: (_request, response) => {
        response.writeProcessing()
        response.writeEarlyHints({ link: '</a.css>; rel=preload; as=style' })
        response.end('x')
      },
    })
    const { closed, socket, text } = connectRaw(port)
    socket.write('GET / HTTP/1.1\r\nHost: app.localhost\r\nConnection: close\r\n\r\n')
    await closed
    expect(text()).toMatch(
      /^HTTP\/1\.1 102 .*\r\n\r\nHTTP\/1\.1 103 .*\r\nLink: <\/a\.css>.*\r\n\r\nHTTP\/1\.1 200 /,
    )
  })

  test('to an HTTP/1.0 client ends with the connection', async () => {
    const { port } = await newStage({
      handler: (_request, response) => {
        response.writeHead(200, { trailer: 'X-Sum' })
        response.write('a')
        response.end('b')
      },
    })
    const { closed, socket, text } = connectRaw(port)
    socket.write('GET / HTTP/1.0\r\nHost: app.localhost\r\n\r\n')
    await closed
    expect(text()).toMatch(/\r\n\r\nab$/)
    expect(text()).not.toMatch(/chunked|trailer/i)
  })

  test('arrives piece by piece as the child sends it, its head first', async () => {
    const pieces = [deferred<void>(), deferred<void>()]
    const { port } = await newStage({
      handler: async (_request, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
        await pieces[0]?.promise
        response.write('data: 1\n\n')
        await pieces[1]?.promise
        response.end('data: 2\n\n')
      },
    })
    const request = http.get({ host: '127.0.0.1', port, headers: { host: 'app.localhost' }, agent: false })
    const [response] = (await next(request, 'response')) as [http.IncomingMessage]
    response.setEncoding('utf8')
    pieces[0]?.resolve()
    expect(await next(response, 'data')).toEqual(['data: 1\n\n'])
    const ended = next(response, 'end')
    pieces[1]?.resolve()
    expect(await next(response, 'data')).toEqual(['data: 2\n\n'])
    await ended
  })

  test('that the child breaks off is broken off for the client too', async () => {
    const { lives, port } = await newStage({
      handler: (_request, response) => {
        response.writeHead(200)
        response.write('half')
      },
    })
    const asked = ask({ port }).catch((error) => error)
    await until(() => lives.length === 1)
    const request = http.get({ host: '127.0.0.1', port, headers: { host: 'app.localhost' }, agent: false })
    const [response] = (await next(request, 'response')) as [http.IncomingMessage]
    await next(response.setEncoding('utf8'), 'data')
    const failed = next(response, 'error')
    lives[0]?.end()
    expect((await failed)[0]).toMatchObject({ code: 'ECONNRESET' })
    expect(await asked).toMatchObject({ code: 'ECONNRESET' })
  })

  test('that does not begin in time becomes 504', async () => {
    const { port } = await newStage({ handler: () => {} }, { answerTimeout: 0.5 })
    expect(await ask({ port })).toMatchObject({ status: 504 })
  })
})

describe('a long body', () => {
  const SIZE = 32 * 1024 * 1024

  test('is not buffered: a client that does not read stops the child, and gets everything in the end', async () => {
    let written = 0
    const { port } = await newStage({
      handler: (_request, response) => {
        const chunk = Buffer.alloc(64 * 1024, 'x')
        const more = (): void => {
          while (written < SIZE) {
            written += chunk.length
            if (!response.write(chunk)) return void response.once('drain', more)
          }
          response.end()
        }
        more()
      },
    })
    const request = http.get({ host: '127.0.0.1', port, headers: { host: 'app.localhost' }, agent: false })
    const [response] = (await next(request, 'response')) as [http.IncomingMessage]
    expect(await settled(() => written)).toBeLessThan(SIZE / 2)
    let read = 0
    response.on('data', (chunk) => {
      read += chunk.length
    })
    await next(response, 'end')
    expect(read).toBe(SIZE)
  })

  test('is not buffered: a child that does not read stops the client, and gets everything in the end', async () => {
    const mayRead = deferred<void>()
    const { port } = await newStage({
      handler: async (request, response) => {
        await mayRead.promise
        let read = 0
        request.on('data', (chunk) => {
          read += chunk.length
        })
        request.on('end', () => response.end(String(read)))
      },
    })
    const { closed, socket, text } = connectRaw(port)
    socket.write(
      `POST / HTTP/1.1\r\nHost: app.localhost\r\nConnection: close\r\nContent-Length: ${SIZE}\r\n\r\n`,
    )
    const sent = pour(socket, SIZE)
    expect(await settled(sent)).toBeLessThan(SIZE / 2)
    mayRead.resolve()
    await closed
    expect(text()).toContain(String(SIZE))
  })

  test('may flow both ways at once', async () => {
    const { port } = await newStage({ handler: (request, response) => void request.pipe(response) })
    const headers = { host: 'app.localhost', 'transfer-encoding': 'chunked' }
    const request = http.request({ host: '127.0.0.1', port, method: 'POST', headers, agent: false })
    request.write('ping')
    const [response] = (await next(request, 'response')) as [http.IncomingMessage]
    response.setEncoding('utf8')
    expect(await next(response, 'data')).toEqual(['ping'])
    request.end('pong')
    expect(await next(response, 'data')).toEqual(['pong'])
  })

  test('need not be sent completely if the response comes first', async () => {
    const { port } = await newStage({
      handler: (_request, response) => void response.writeHead(403).end('no'),
    })
    const answer = await ask({ port, method: 'POST', body: Buffer.alloc(8 * 1024 * 1024) })
    expect(answer).toMatchObject({ status: 403, body: 'no' })
  })
})

/** Returns a server that responds to everything with these bytes. */
const respondingWith = (answer: string) => (): net.Server =>
  net.createServer((socket) => void socket.on('error', () => {}).on('data', () => socket.write(answer)))

describe('the first line of a response', () => {
  test.each(['Not Found', '', 'Nicht gefunden: \u00e4', '\u672a\u627e\u5230'])(
    'keeps its reason phrase in any script: "%s"',
    async (words) => {
      const newServer = respondingWith(`HTTP/1.1 404 ${words}\r\nContent-Length: 2\r\n\r\nno`)
      const { port } = await newStage({ newServer })
      const { closed, socket, text } = connectRaw(port)
      socket.write('GET / HTTP/1.1\r\nHost: app.localhost\r\nConnection: close\r\n\r\n')
      await closed
      expect(Buffer.from(text(), 'latin1').toString().split('\r\n')[0]).toBe(`HTTP/1.1 404 ${words}`)
    },
  )

  test.each(['1000 No', '200 \x01', '200 \u672a\x01'])(
    'that Node rejects leads to 502: "%s"',
    async (line) => {
      const newServer = respondingWith(`HTTP/1.1 ${line}\r\nContent-Length: 2\r\n\r\nno`)
      const { port } = await newStage({ newServer })
      expect((await ask({ port, method: 'POST' })).status).toBe(502)
    },
  )
})
