import { describe, expect, test } from 'vitest'
import {
  forwardedHeaders,
  isLocalPeer,
  type Origin,
  readTrust,
  type Trust,
} from '../../../src/gateway/http/forwarded.ts'

const ORIGIN: Origin = {
  peer: '::ffff:192.0.2.7',
  isEncrypted: false,
  hostHeader: 'app.localhost:8080',
  headers: {},
  prefix: '',
}

const CLAIMS = {
  'x-forwarded-for': '198.51.100.1',
  'x-forwarded-proto': 'https',
  'x-forwarded-host': 'shop.example',
  'x-forwarded-port': '1',
  'x-real-ip': '198.51.100.1',
  forwarded: 'for=198.51.100.1',
}

function headersFor(
  origin: Partial<Origin>,
  trusted: readonly string[] = [],
): Record<string, string | undefined> {
  const flat = forwardedHeaders({ ...ORIGIN, ...origin }, readTrust(trusted) as Trust | null)
  return Object.fromEntries(flat.flatMap((name, at) => (at % 2 === 0 ? [[name, flat[at + 1]]] : [])))
}

const FROM_SOCKET = {
  'x-forwarded-for': '192.0.2.7',
  'x-forwarded-proto': 'http',
  'x-forwarded-host': 'app.localhost:8080',
  forwarded: 'for=192.0.2.7;proto=http;host="app.localhost:8080"',
}

describe('H50: the client of a request', () => {
  test('is described from the connection, whatever the request claims', () => {
    expect(headersFor({})).toEqual(FROM_SOCKET)
    expect(headersFor({ headers: CLAIMS })).toEqual(FROM_SOCKET)
    expect(headersFor({ headers: CLAIMS }, ['192.0.2.8', '10.0.0.0/8', 'loopback', 'unix'])).toEqual(
      FROM_SOCKET,
    )
  })

  test.each([[['192.0.2.7']], [['192.0.2.0/24']], [['192.0.2.0/24', '::1']]])(
    'is described by a trusted proxy in %j, and the proxy is appended',
    (trusted) => {
      expect(headersFor({ headers: CLAIMS }, trusted)).toEqual({
        'x-forwarded-for': '198.51.100.1, 192.0.2.7',
        'x-forwarded-proto': 'https',
        'x-forwarded-host': 'shop.example',
        'x-real-ip': '198.51.100.1',
        forwarded: 'for=198.51.100.1, for=192.0.2.7;proto=https;host="shop.example"',
      })
    },
  )

  test('is described by a peer on a unix socket only if unix sockets are trusted', () => {
    const peer = null
    expect(headersFor({ peer, headers: CLAIMS }, ['loopback'])).toMatchObject({ 'x-forwarded-proto': 'http' })
    expect(headersFor({ peer, headers: CLAIMS }, ['loopback'])).not.toHaveProperty('x-forwarded-for')
    expect(headersFor({ peer, headers: CLAIMS }, ['unix'])).toMatchObject({
      'x-forwarded-for': '198.51.100.1',
      forwarded: 'for=198.51.100.1, for=unknown;proto=https;host="shop.example"',
    })
  })

  test('is quoted if it has an IPv6 address', () => {
    expect(headersFor({ peer: '2001:db8::1' })['forwarded']).toBe(
      'for="[2001:db8::1]";proto=http;host="app.localhost:8080"',
    )
    expect(headersFor({ peer: '2001:db8::1', headers: CLAIMS }, ['2001:db8::/32'])).toMatchObject({
      'x-forwarded-for': '198.51.100.1, 2001:db8::1',
    })
  })

  test('is described as https if it uses TLS', () => {
    expect(headersFor({ isEncrypted: true })).toMatchObject({ 'x-forwarded-proto': 'https' })
  })

  test('cannot put invalid values into the headers', () => {
    const headers = { 'x-forwarded-proto': 'javascript', 'x-forwarded-host': 'a";for="b', 'x-real-ip': 'x' }
    expect(headersFor({ headers, hostHeader: 'a b' }, ['192.0.2.7'])).toEqual({
      'x-forwarded-for': '192.0.2.7',
      'x-forwarded-proto': 'http',
      forwarded: 'for=192.0.2.7;proto=http',
    })
  })

  test('is described together with the prefix that was removed from the path', () => {
    expect(headersFor({ prefix: '/docs' })).toMatchObject({ 'x-forwarded-prefix': '/docs' })
  })
})

test.each([[['nobody']], [['10.0.0.0/33']], [['10.0.0.0/']], [['::/129']], [['1.2.3.4/8/8']], [['']]])(
  'H50: %j is not a list of proxies',
  (given) => {
    expect(readTrust(given)).toBeUndefined()
  },
)

test.each([
  ['127.0.0.1', {}, true],
  ['127.9.9.9', {}, true],
  ['::1', {}, true],
  ['::ffff:127.0.0.1', {}, true],
  ['192.0.2.7', {}, false],
  [null, {}, false],
  ['127.0.0.1', { 'x-forwarded-for': '127.0.0.1' }, false],
  ['127.0.0.1', { forwarded: 'for=1' }, false],
  ['127.0.0.1', { via: '1.1 a' }, false],
  ['127.0.0.1', { 'x-real-ip': '192.0.2.1' }, false],
  ['127.0.0.1', { 'x-forwarded-proto': 'https' }, false],
])('H52: the peer %s with the headers %j counts as local: %s', (peer, headers, isLocal) => {
  expect(isLocalPeer({ peer, headers })).toBe(isLocal)
})
