import { describe, expect, test } from 'vitest'
import type { Route } from '../../../src/gateway/options.ts'
import { readGateway } from '../../../src/gateway/read-options.ts'
import { type FoundRoute, findRoute, type RouteTable } from '../../../src/gateway/routing/routes.ts'

function tableOf(routes: readonly Route[], hosts?: readonly string[]): RouteTable {
  return readGateway({ routes, ...(hosts && { hosts }), logger: null }).routes as RouteTable
}

const TABLE = tableOf([
  { host: 'app.localhost', to: 'app' },
  { host: 'app.localhost', path: '/api', to: 'api' },
  { host: 'app.localhost', path: '/api/v2', strip: true, to: 'api-2' },
  { host: 'app.localhost', path: '/api', header: { name: 'X-Beta', value: 'yes' }, to: 'api-beta' },
  { host: '*.preview.localhost', to: 'preview' },
  { host: 'fixed.preview.localhost', path: '/only', to: 'fixed' },
  { path: '/docs/', strip: true, to: 'docs' },
  { header: { name: 'x-app' }, to: 'by-header' },
])

type Given = readonly [host: string | null, path: string, headers?: Record<string, string>]

function find([host, path, headers = {}]: Given, table = TABLE): FoundRoute | null {
  return findRoute(table, { host, path, headers })
}

const summary = (match: FoundRoute | null) =>
  match && { to: match.route.to, path: match.path, name: match.name, prefix: match.prefix }

describe('a table of routes', () => {
  test.each<[Given, object]>([
    [['app.localhost', '/'], { to: 'app', path: '/' }],
    [['app.localhost', '/apis'], { to: 'app', path: '/apis' }],
    [['app.localhost', '/api'], { to: 'api', path: '/api' }],
    [['app.localhost', '/api?x=1'], { to: 'api', path: '/api?x=1' }],
    [['app.localhost', '/api/a/b/c'], { to: 'api', path: '/api/a/b/c' }],
    [['app.localhost', '/api/v2'], { to: 'api-2', path: '/', prefix: '/api/v2' }],
    [['app.localhost', '/api/v2?x'], { to: 'api-2', path: '/?x', prefix: '/api/v2' }],
    [['app.localhost', '/api/v2/a?x'], { to: 'api-2', path: '/a?x', prefix: '/api/v2' }],
    [['app.localhost', '/api', { 'x-beta': 'yes' }], { to: 'api-beta', path: '/api' }],
    [['app.localhost', '/api', { 'x-beta': 'no' }], { to: 'api', path: '/api' }],
    [['pr-7.preview.localhost', '/'], { to: 'preview', path: '/', name: 'pr-7' }],
    [['fixed.preview.localhost', '/only/x'], { to: 'fixed', path: '/only/x' }],
    [['fixed.preview.localhost', '/other'], { to: 'preview', path: '/other', name: 'fixed' }],
    [['localhost', '/docs'], { to: 'docs', path: '/', prefix: '/docs' }],
    [['127.0.0.1', '/docs/a'], { to: 'docs', path: '/a', prefix: '/docs' }],
    [['localhost', '/', { 'x-app': 'shop' }], { to: 'by-header', path: '/', name: 'shop' }],
  ])('routes %j to %j', (given, expected) => {
    expect(summary(find(given))).toEqual({ name: '', prefix: '', ...expected })
  })

  test.each<[Given]>([
    [['other.localhost', '/']],
    [['localhost', '/docsa']],
    [['localhost', '/']],
    [['a.b.preview.localhost', '/']],
    [['preview.localhost', '/']],
    [[null, '/docs']],
    [['evil.example', '/docs']],
    [['__proto__', '/']],
    [['constructor', '/']],
    [['app.localhost', '/../x']],
    [['app.localhost', '/%2e%2e/x']],
    [['localhost', '/docs//evil.example']],
    [['localhost', '/docs/\\evil.example']],
    [['xn--bcher-kva.preview.localhost', '/']],
    [['-a.preview.localhost', '/']],
    [['localhost', '/', { 'x-app': '../shop' }]],
    [['localhost', '/', { 'x-app': '__proto__' }]],
    [['localhost', '/', { 'x-app': 'a,b' }]],
  ])('H55: does not match %j', (given) => {
    expect(find(given)).toBeNull()
  })

  test('matches only `hosts` with routes without a host, and any host only with an asterisk', () => {
    const named = tableOf([{ to: 'a' }], ['example.com'])
    expect(find(['example.com', '/'], named)).not.toBeNull()
    expect(find(['localhost', '/'], named)).toBeNull()
    const any = tableOf([{ to: 'a' }], ['*'])
    expect(find(['whatever.example', '/'], any)).not.toBeNull()
    expect(find([null, '/'], any)).not.toBeNull()
  })

  test('with ten thousand routes compares a request with one of them', () => {
    const routes = Array.from({ length: 10_000 }, (_, at) => ({
      host: `app-${at}.localhost`,
      to: `app-${at}`,
    }))
    const table = tableOf(routes)
    expect(summary(find(['app-9999.localhost', '/x'], table))).toMatchObject({ to: 'app-9999' })
    expect(table.byHost.get('app-9999.localhost')?.byPrefix.size).toBe(1)
  })

  test.each<[readonly Route[]]>([
    [[{ to: 'a' }, { to: 'b' }]],
    [
      [
        { host: 'A.localhost', path: '/x', to: 'a' },
        { host: 'a.localhost.', path: '/x/', to: 'b' },
      ],
    ],
    [
      [
        { header: { name: 'X', value: '1' }, to: 'a' },
        { header: { name: 'x', value: '1' }, to: 'b' },
      ],
    ],
  ])('refuses two routes that match the same requests: %j', (routes) => {
    expect(() => tableOf(routes)).toThrow('`routes[1]` matches the same requests as an earlier route')
  })
})
