import { describe, expect, test } from 'vitest'
import { answerHeaders, answerTrailers, requestHeaders } from '../../../src/gateway/http/headers.ts'

const lines = (flat: readonly string[]): string[] =>
  flat.flatMap((name, at) => (at % 2 === 0 ? [`${name}: ${flat[at + 1]}`] : []))

const flat = (...given: string[]): string[] =>
  given.flatMap((line) => {
    const colon = line.indexOf(': ')
    return [line.slice(0, colon), line.slice(colon + 2)]
  })

/** As Node gives them: all values of a field in one. */
const saidIn = (...given: string[]): { connection: string | undefined; te: string | undefined } => {
  const valuesOf = (name: string): string | undefined =>
    given
      .filter((line) => line.toLowerCase().startsWith(`${name}:`))
      .map((line) => line.slice(name.length + 2))
      .join(', ') || undefined
  return { connection: valuesOf('connection'), te: valuesOf('te') }
}

const passedOn = (...given: string[]): string[] =>
  lines(
    requestHeaders(flat(...given), {
      ...saidIn(...given),
      hostHeader: 'a',
      body: 0,
      forwarded: ['x-forwarded-for', '9'],
    }),
  )

const bytes = (...given: string[]): Buffer[] => flat(...given).map((text) => Buffer.from(text, 'latin1'))

describe('H49: the headers of a request', () => {
  test('are passed on in their order and as they are written, twice where they are there twice', () => {
    expect(passedOn('Accept: x', 'Cookie: a=1', 'X-B: 1', 'x-b: 2')).toEqual([
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
    expect(passedOn(line)).toEqual(['host: a', 'x-forwarded-for: 9'])
  })

  test('lose what Connection names, wherever it stands and however it is written', () => {
    const given = [
      'X-Secret: 1',
      'connection: close, x-SECRET',
      'Connection: , X-Other',
      'x-other: 2',
      'X-Kept: 3',
    ]
    expect(passedOn(...given)).toEqual(['host: a', 'X-Kept: 3', 'x-forwarded-for: 9'])
  })

  test('keep their host and their length even if Connection names them', () => {
    const given = ['Host: a', 'Content-Length: 5', 'Connection: host, content-length, x-forwarded-for']
    const parts = { ...saidIn(...given), hostHeader: 'a', body: 5, forwarded: ['x-forwarded-for', '9'] }
    const headers = requestHeaders(flat(...given), parts)
    expect(lines(headers)).toEqual(['host: a', 'content-length: 5', 'x-forwarded-for: 9'])
  })

  test('say that the client takes fields after the body, and nothing else of TE', () => {
    expect(passedOn('TE: gzip, Trailers')).toContain('te: trailers')
  })

  test('have no length for a body in chunks, and no host where there was none', () => {
    const headers = requestHeaders([], { ...saidIn(), hostHeader: undefined, body: 'chunked', forwarded: [] })
    expect(headers).toEqual([])
  })
})

describe('H49: the headers of an answer', () => {
  test('lose what is for one connection only', () => {
    const raw = bytes(
      'Connection: close, X-Hop',
      'X-Hop: 1',
      'Keep-Alive: timeout=5',
      'Transfer-Encoding: chunked',
    )
    expect(answerHeaders([...raw, ...bytes('Set-Cookie: a', 'Set-Cookie: b')]).headers).toEqual(
      flat('Set-Cookie: a', 'Set-Cookie: b'),
    )
  })

  test('keep every byte', () => {
    expect(answerHeaders(bytes('X-Name: caf\xe9')).headers).toEqual(['X-Name', 'caf\xe9'])
  })

  test('tell of a length, of events, and of fields to come', () => {
    expect(answerHeaders(bytes('Content-Length: 5'))).toMatchObject({ length: 5, isEventStream: false })
    expect(answerHeaders(bytes('Content-Type: Text/Event-Stream; charset=utf-8')).isEventStream).toBe(true)
    expect(answerHeaders(bytes('Trailer: X-Sum'))).toMatchObject({ trailer: 'X-Sum', headers: [] })
  })
})

test('H49: fields after a body that would change how it is read are left out', () => {
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
  expect(answerTrailers(raw)).toEqual([['X-Sum', '1']])
  expect(answerTrailers(raw.map((text) => Buffer.from(text)))).toEqual([['X-Sum', '1']])
})
