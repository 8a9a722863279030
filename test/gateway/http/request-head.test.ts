import { describe, expect, test } from 'vitest'
import { parseRequestHead, type RawRequest, readUpgrade } from '../../../src/gateway/http/request-head.ts'

/** A request as Node parses it, from its request line and header lines. */
function head(line: string, ...headers: string[]): RawRequest {
  const [method = '', url = '', version = 'HTTP/1.1'] = line.split(' ')
  const rawHeaders = headers.flatMap((header) => {
    const colon = header.indexOf(':')
    return [header.slice(0, colon), header.slice(colon + 1).trim()]
  })
  return { method, url, httpVersion: version.slice(5), rawHeaders }
}

const HOST = 'Host: app.localhost:8080'

describe('H49: the head of a request', () => {
  test.each([
    [head('GET /', HOST), { path: '/', body: 0 }],
    [head('GET /a?b=//c', HOST), { path: '/a?b=//c', body: 0 }],
    [head('POST /a', HOST, 'Content-Length: 5'), { path: '/a', body: 5 }],
    [head('POST /a', HOST, 'Transfer-Encoding: Chunked'), { path: '/a', body: 'chunked' }],
    [head('GET http://app.localhost:8080/a', HOST), { path: '/a', body: 0 }],
    [head('GET HTTP://APP.localhost:8080', HOST), { path: '/', body: 0 }],
    [head('GET http://app.localhost:8080?x', HOST), { path: '/?x', body: 0 }],
    [head('GET /caf\xe9', HOST), { path: '/caf\xe9', body: 0 }],
  ])('is parsed: %j', (given, expected) => {
    expect(parseRequestHead(given)).toEqual({
      method: given.method,
      host: 'app.localhost',
      hostHeader: 'app.localhost:8080',
      ...expected,
    })
  })

  test('of an HTTP/1.0 client may have no host', () => {
    expect(parseRequestHead(head('GET / HTTP/1.0'))).toMatchObject({ host: null, hostHeader: undefined })
  })

  test.each([
    [405, head('CONNECT app.localhost:80', HOST)],
    [405, head('TRACE /', HOST)],
    [400, head('GET /', HOST, 'Host: other.localhost')],
    [400, head('GET /', HOST, 'host: app.localhost:8080')],
    [400, head('POST /', HOST, 'Content-Length: 5', 'Content-Length: 5')],
    [400, head('POST /', HOST, 'Content-Length: 5', 'Transfer-Encoding: chunked')],
    [400, head('POST /', HOST, 'Transfer-Encoding: chunked', 'Transfer-Encoding: chunked')],
    [501, head('POST /', HOST, 'Transfer-Encoding: gzip, chunked')],
    [501, head('POST /', HOST, 'Transfer-Encoding: xchunked')],
    [501, head('POST /', HOST, 'Transfer-Encoding: identity')],
    [400, head('POST / HTTP/1.0', HOST, 'Transfer-Encoding: chunked')],
    [400, head('POST /', HOST, 'Content-Length: +5')],
    [400, head('POST /', HOST, 'Content-Length: 5, 5')],
    [400, head('POST /', HOST, 'Content-Length: 0x5')],
    [400, head('POST /', HOST, 'Content-Length: 99999999999999999999')],
    [400, head('GET //evil.example/', HOST)],
    [400, head('GET /\\evil.example/', HOST)],
    [400, head('GET *', HOST)],
    [400, head('OPTIONS *', HOST)],
    [400, head('GET a', HOST)],
    [400, head('GET ', HOST)],
    [400, head('GET /a#b', HOST)],
    [400, head('GET /a\tb', HOST)],
    [400, head('GET /a\x7fb', HOST)],
    [400, head('GET http://other.localhost/', HOST)],
    [400, head('GET http://user@app.localhost:8080/', HOST)],
    [400, head('GET http://app.localhost/', HOST)],
    [400, head('GET http:///a', HOST)],
    [400, head('GET http://app.localhost:8080//evil', HOST)],
    [400, head('GET ftp://app.localhost:8080/', HOST)],
  ])('is refused with %i: %j', (status, given) => {
    expect(parseRequestHead(given)).toMatchObject({ status })
  })

  test('does not appear in the text of a refusal', () => {
    expect(JSON.stringify(parseRequestHead(head('GET //secret', HOST)))).not.toContain('secret')
  })
})

describe('H49: an upgrade', () => {
  const protocolOf = (given: RawRequest): unknown => {
    const parsed = parseRequestHead(given)
    return 'status' in parsed ? parsed.status : readUpgrade(given, parsed)
  }

  test.each(['websocket', 'WebSocket', 'tcp', 'IRC/6.9'])('to %s is forwarded', (protocol) => {
    expect(protocolOf(head('GET /', HOST, 'Connection: Upgrade', `Upgrade: ${protocol}`))).toBe(protocol)
  })

  test.each([
    [501, head('GET /', HOST, 'Upgrade: h2c')],
    [501, head('GET /', HOST, 'Upgrade: H2')],
    [501, head('GET /', HOST, 'Upgrade: HTTP/2.0')],
    [501, head('GET /', HOST, 'Upgrade: TLS/1.3')],
    [400, head('GET /', HOST, 'Upgrade: websocket, h2c')],
    [400, head('GET /', HOST, 'Upgrade: websocket', 'Upgrade: h2c')],
    [400, head('GET /', HOST, 'Upgrade: ')],
    [400, head('POST /', HOST, 'Upgrade: websocket')],
    [400, head('GET /', HOST, 'Upgrade: websocket', 'Content-Length: 3')],
    [400, head('GET /', HOST, 'Upgrade: websocket', 'Transfer-Encoding: chunked')],
    [400, head('GET / HTTP/1.0', HOST, 'Upgrade: websocket')],
  ])('is refused with %i: %j', (status, given) => {
    expect(protocolOf(given)).toMatchObject({ status })
  })
})
