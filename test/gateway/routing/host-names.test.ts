import { describe, expect, test } from 'vitest'
import {
  hostOf,
  isLoopbackHost,
  isPlainPath,
  isRoutableName,
  splitHost,
} from '../../../src/gateway/routing/host-names.ts'

describe('H55: a name from a request', () => {
  test.each(['a', '0', 'my-app', 'v1.2', 'a_b', 'x'.repeat(63)])('may be %s', (name) => {
    expect(isRoutableName(name)).toBe(true)
  })

  test.each([
    '',
    '.',
    '..',
    '../a',
    'a..b',
    '-a',
    '_a',
    'A',
    'a/b',
    'a\\b',
    'a b',
    'a\0b',
    'a%2e',
    'ü',
    '__proto__',
    'x'.repeat(64),
    'a\n',
  ])('may not be %j', (name) => {
    expect(isRoutableName(name)).toBe(false)
  })
})

describe('H55: a Host header', () => {
  test.each([
    ['app.localhost', 'app.localhost'],
    ['App.LocalHost:8080', 'app.localhost'],
    ['app.localhost.', 'app.localhost'],
    ['app.localhost.:80', 'app.localhost'],
    ['127.0.0.1:3000', '127.0.0.1'],
    ['[::1]:3000', '[::1]'],
    ['[::1]', '[::1]'],
    ['a_b.example', 'a_b.example'],
  ])('%s names %s', (header, host) => {
    expect(hostOf(header)).toBe(host)
  })

  test.each([
    undefined,
    '',
    '.',
    '..',
    'a..b',
    'app.localhost..',
    '-a.localhost',
    'a-.localhost',
    'user@app.localhost',
    'user:password@app.localhost',
    'app.localhost:123456',
    'app.localhost:8a',
    'app.localhost, b.localhost',
    'app.localhost/x',
    'app.localhost\\x',
    'a\0b',
    'a b',
    '%61pp.localhost',
    '%2e%2e.localhost',
    'bücher.localhost',
    '[::1',
    '::1',
    '[::1%eth0]',
    '[app]',
    'x'.repeat(300),
    `${'x'.repeat(64)}.localhost`,
    `${'x.'.repeat(200)}localhost`,
  ])('%j is invalid', (header) => {
    expect(hostOf(header)).toBeNull()
  })
})

test.each([
  ['localhost', true],
  ['app.localhost', true],
  ['127.0.0.1', true],
  ['[::1]', true],
  ['localhost.evil.example', false],
  ['notlocalhost', false],
  ['127.0.0.1.evil.example', false],
])('%s can only mean this machine: %s', (host, isLoopback) => {
  expect(isLoopbackHost(host)).toBe(isLoopback)
})

test.each([
  ['pr-7.preview.localhost', ['pr-7', 'preview.localhost']],
  ['localhost', null],
  ['xn--bcher-kva.preview.localhost', null],
])('%s splits into the label and the rest: %j', (host, parts) => {
  expect(splitHost(host)).toEqual(parts)
})

describe('H55: a path', () => {
  test.each([
    '/',
    '/a',
    '/a.b',
    '/...',
    '/a/.well-known/b',
    '/a%2eb',
    '/%2e%2e%2e',
    '/?x=/../y',
    '/@a%2fb',
    '/a..',
  ])('without dot segments and NUL is plain: %s', (path) => {
    expect(isPlainPath(path)).toBe(true)
  })

  test.each([
    '/.',
    '/..',
    '/../a',
    '/a/../b',
    '/a/..',
    '/a/./b',
    '/%2e%2e/a',
    '/a/%2E%2e/b',
    '/a/.%2e/b',
    '/a%2f..%2fb',
    '/a%5c..%5cb',
    '/a\\..\\b',
    '/..;/a',
    '/a%00b',
    '/a/..?x',
  ])('with a dot segment or NUL is not plain: %s', (path) => {
    expect(isPlainPath(path)).toBe(false)
  })
})
