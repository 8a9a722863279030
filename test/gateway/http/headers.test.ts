import { describe, expect, test } from 'vitest'
import { requestHeaders, responseHeaders, responseTrailers } from '../../../src/gateway/http/headers.ts'

const lines = (flat: readonly string[]): string[] =>
  flat.flatMap((name, at) => (at % 2 === 0 ? [`${name}: ${flat[at + 1]}`] : []))

const flat = (...given: string[]): string[] =>
  given.flatMap((line) => {
    const colon = line.indexOf(': ')
    return [line.slice(0, colon), line.slice(colon + 2)]
  })

/** The two headers as Node parses them: all values of a header joined. */
const joinedHeaders = (...given: string[]): { connection: string | undefined; te: string | undefined } => {
  const valuesOf = (name: string): string | undefined =>
    given
      .filter((line) => line.toLowerCase().startsWith(`${name}:`))
      .map((line) => line.slice(name.length + 2))
      .join(', ') || undefined
  return { connection: valuesOf('connection'), te: valuesOf('te') }
}

const forwarded = (...given: string[]): string[] =>
  lines(
    requestHeaders(flat(...given), {
      ...joinedHeaders(...given),
      hostHeader: 'a',
      body: 0,
      forwarded: ['x-forwarded-for', '9'],
    }),
  )

const bytes = (...given: string[]): Buffer[] => flat(...given).map((text) => Buffer.from(text, 'latin1'))

describe('H49: the headers of a request', () => {
  test('are forwarded in their order and spelling, including repeated headers', () => {
    expect(forwarded('Accept: x', 'Cookie: a=1', 'X-B: 1', 'x-b: 2')).toEqual([
      'host: a',
      'Accept: x',
      'Cookie: a=1',
      'X-B: 1',
      'x-b: 2',
      'x-forwarded-for: 9',
    ])
  })

  test.each([
    'Connection: keep-alive',
    'Keep-Alive: timeout=5',
    'Proxy-Connection: keep-alive',
    'Proxy-Authorization: Basic x',
    'Proxy: http://evil.example',
    'TE: gzip',
    'Trailer: X',
    'Transfer-Encoding: chunked',
    'Upgrade: h2c',
    'HTTP2-Settings: x',
    'Expect: 100-continue',
    'Content-Length: 5',
    'Host: b',
    'Forwarded: for=1',
    'X-Forwarded-For: 1',
    'X-Forwarded-Proto: https',
    'X-Forwarded-Host: evil',
    'X-Forwarded-Anything: 1',
    'X-Real-IP: 1',
    'X_Forwarded_For: 1',
    'x-forwarded_for: 1',
    'Content_Length: 5',
    'Transfer_Encoding: chunked',
  ])('lose %s', (line) => {
    expect(forwarded(line)).toEqual(['host: a', 'x-forwarded-for: 9'])
  })

  test('lose the headers that Connection lists, in any order and spelling', () => {
    const given = [
      'X-Secret: 1',
      'connection: close, x-SECRET',
      'Connection: , X-Other',
      'x-other: 2',
      'X-Kept: 3',
    ]
    expect(forwarded(...given)).toEqual(['host: a', 'X-Kept: 3', 'x-forwarded-for: 9'])
  })

  test('keep Host and Content-Length even if Connection lists them', () => {
    const given = ['Host: a', 'Content-Length: 5', 'Connection: host, content-length, x-forwarded-for']
    const parts = {
      ...joinedHeaders(...given),
      hostHeader: 'a',
      body: 5,
      forwarded: ['x-forwarded-for', '9'],
    }
    const headers = requestHeaders(flat(...given), parts)
    expect(lines(headers)).toEqual(['host: a', 'content-length: 5', 'x-forwarded-for: 9'])
  })

  test('keep only trailers of TE', () => {
    expect(forwarded('TE: gzip, Trailers')).toContain('te: trailers')
  })

  test('contain no length for a chunked body, and no host if the request has none', () => {
    const headers = requestHeaders([], {
      ...joinedHeaders(),
      hostHeader: undefined,
      body: 'chunked',
      forwarded: [],
    })
    expect(headers).toEqual([])
  })
})

describe('H49: the headers of a response', () => {
  test('lose hop-by-hop headers', () => {
    const raw = bytes(
      'Connection: close, X-Hop',
      'X-Hop: 1',
      'Keep-Alive: timeout=5',
      'Transfer-Encoding: chunked',
    )
    expect(responseHeaders([...raw, ...bytes('Set-Cookie: a', 'Set-Cookie: b')]).headers).toEqual(
      flat('Set-Cookie: a', 'Set-Cookie: b'),
    )
  })

  test('keep every byte', () => {
    expect(responseHeaders(bytes('X-Name: caf\xe9')).headers).toEqual(['X-Name', 'caf\xe9'])
  })

  test('show the length, an event stream and announced trailers', () => {
    expect(responseHeaders(bytes('Content-Length: 5'))).toMatchObject({ length: 5, isEventStream: false })
    expect(responseHeaders(bytes('Content-Type: Text/Event-Stream; charset=utf-8')).isEventStream).toBe(true)
    expect(responseHeaders(bytes('Trailer: X-Sum'))).toMatchObject({ trailer: 'X-Sum', headers: [] })
  })
})

test('H49: trailers that would change how a message is read are dropped', () => {
  const raw = [
    'X-Sum',
    '1',
    'Content-Length',
    '5',
    'transfer-encoding',
    'chunked',
    'Host',
    'a',
    'Set-Cookie',
    'b',
  ]
  expect(responseTrailers(raw)).toEqual([['X-Sum', '1']])
  expect(responseTrailers(raw.map((text) => Buffer.from(text)))).toEqual([['X-Sum', '1']])
})
