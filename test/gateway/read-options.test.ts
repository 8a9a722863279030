import { describe, expect, test } from 'vitest'
import { createGateway } from '../../src/gateway/index.ts'
import { readGateway, readListen } from '../../src/gateway/read-options.ts'
import { newSpinner } from '../support/host.ts'

const route = (more: object): object => ({ routes: [{ to: 'a', ...more }] })

describe('the options of a gateway', () => {
  test('have defaults, and a route inherits the rules of its gateway', () => {
    const read = readGateway({
      routes: [
        { to: 'a', ignore: ['/x'] },
        { path: '/b', to: 'b' },
      ],
      maxBody: '1KB',
    })
    expect(read).toMatchObject({ queue: 512, wait: 30, trust: null, showReasons: true, drainTimeout: 30 })
    const rules = { websocket: 'keep', ignore: [], waitingPage: false, maxBody: 1_024, answerTimeout: 300 }
    expect(read.rules).toEqual(rules)
    const { byHost } = read.routes as Exclude<typeof read.routes, (...args: never[]) => unknown>
    const rulesOf = (prefix: string): unknown => byHost.get('')?.byPrefix.get(prefix)?.[0]?.rules
    expect(rulesOf('')).toEqual({ ...rules, ignore: ['/x'] })
    expect(rulesOf('/b')).toBe(read.rules)
  })

  test.each<[unknown, string]>([
    [undefined, '`options` must be an object'],
    [{}, '`routes` is missing: pass an array of routes, or a function'],
    [{ routes: {} }, '`routes` must be an array of routes, or a function, but it is an object'],
    [{ routes: [], rotues: 1 }, '`rotues` is not an option; did you mean `routes`?'],
    [{ routes: [], queue: 0 }, '`queue` must be an integer >= 1, but it is 0'],
    [{ routes: [], wait: 'soon' }, '`wait` must be more than 0 seconds'],
    [{ routes: [], hosts: ['a b'] }, '`hosts` must be an array of host names'],
    [{ routes: [], hosts: '*' }, '`hosts` must be an array of host names'],
    [{ routes: [], trustProxy: ['somebody'] }, '`trustProxy` must be an array of addresses'],
    [{ routes: [], maxBody: 'much' }, '`maxBody` must be bytes'],
    [{ routes: [], websocket: true }, "`websocket` must be 'keep' or 'ignore'"],
    [{ routes: [1] }, '`routes[0]`: `options` must be an object'],
    [{ routes: [{}] }, '`routes[0]`: `to` is missing'],
    [{ routes: [{ to: '' }] }, '`routes[0]`: `to` must be the name of a child'],
    [{ routes: [{ to: 5 }] }, '`routes[0]`: `options` must be an object, but it is 5'],
    [{ routes: [{ to: { scirpt: 'a' } }] }, '`routes[0]`: `scirpt` is not an option; did you mean `script`?'],
    [{ routes: [{ to: {} }] }, '`routes[0]`: `name` is missing'],
    [
      { routes: [{ to: { name: 'a', script: 'a', listen: null, ready: 'listen' } }] },
      '`routes[0]`: `ready` "listen" needs an address, but `listen` is null',
    ],
    [
      { routes: [{ to: { name: 'a', script: 'a', listen: null } }] },
      '`routes[0]`: `to` is a child whose `listen` is null, so no request can reach it',
    ],
    [route({ host: '..' }), "`routes[0]`: `host` must be a host name, or '*.' followed by a host name"],
    [route({ host: '*' }), '`routes[0]`: `host` must be a host name'],
    [route({ path: 'docs' }), "`routes[0]`: `path` must be a path such as '/docs', which also matches"],
    [
      route({ path: '/docs/*' }),
      "`routes[0]`: `path` must be a path such as '/docs', which also matches all paths below it, without a query or '*', but it is",
    ],
    [route({ path: '/a/../b' }), '`routes[0]`: `path` must be a path'],
    [route({ path: '/a?b' }), '`routes[0]`: `path` must be a path'],
    [route({ path: '/a//b' }), '`routes[0]`: `path` must be a path'],
    [route({ header: 'x' }), '`routes[0]`: `header` must be { name, value }'],
    [route({ header: { name: 'x y' } }), '`routes[0]`: `header` must be { name, value }'],
    [route({ ignore: ['healthz'] }), '`routes[0]`: `ignore` must be an array of paths'],
  ])('rejects %j with a reason', (given, message) => {
    const spinner = newSpinner()
    let thrown: unknown
    try {
      createGateway(spinner, given as never)
    } catch (error) {
      thrown = error
    }
    expect(thrown).toMatchObject({ name: 'SpinnerError', code: 'ERR_SPINNER_INVALID_OPTION' })
    expect((thrown as Error).message).toContain(`createGateway(): ${message}`)
  })
})

test.each([{ routes: [] }, undefined, null])(
  'createGateway(%j) is rejected, because that is not a spinner',
  (given) => {
    expect(() => createGateway(given as never, newSpinner() as never)).toThrow(
      expect.objectContaining({
        code: 'ERR_SPINNER_INVALID_OPTION',
        message: expect.stringMatching(/^createGateway\(\): the first argument must be a spinner/),
      }),
    )
  },
)

describe('two routes with options of the same child', () => {
  const read = (...destinations: readonly unknown[]): unknown =>
    readGateway({ routes: destinations.map((to, at) => ({ path: `/${at}`, to })), logger: null })

  test.each<[object, object, string]>([
    [{ script: 'server.js', cwd: '/srv/a' }, { script: 'server.js', cwd: '/srv/b' }, 'cwd'],
    [{ script: 'server.js' }, { script: 'server.js', args: ['-v'] }, 'args'],
    [{ name: 'a', script: 'a.js' }, { name: 'a', script: 'b.js' }, 'script'],
    [{ name: 'a', script: 'a.js' }, { name: 'a', script: 'a.js', env: { A: '1' } }, 'env'],
    [{ name: 'a', script: 'a.js', ready: () => {} }, { name: 'a', script: 'a.js' }, 'ready'],
  ])('are rejected if the options differ: %j and %j', (one, other, option) => {
    const { name = 'server.js' } = one as { name?: string }
    const both = `\`routes[1]\` and \`routes[2]\` give the child '${name}' different values of \`${option}\``
    const remedy = 'use the same value, or give one of the children another `name`.'
    expect(() => read('a', one, other)).toThrow(`${both}; ${remedy}`)
  })

  test.each<[object, object]>([
    [{ script: 'server.js' }, { script: 'server.js' }],
    [
      { script: 'server.js', timeout: '5s' },
      { name: 'server.js', script: 'server.js', timeout: 5 },
    ],
    [
      { script: 'server.js', cwd: '/srv/a' },
      { name: 'b', script: 'server.js', cwd: '/srv/b' },
    ],
    [
      { name: 'a', script: 'a.js', ready: () => {} },
      { name: 'a', script: 'a.js', ready: () => {} },
    ],
  ])('are accepted if the options are equivalent, or the children differ: %j and %j', (one, other) => {
    expect(() => read(one, other, () => one, 'server.js')).not.toThrow()
  })
})

describe('the options of listen()', () => {
  test('have defaults: a free port on this machine, and the limits of H54', () => {
    expect(readListen({})).toEqual({
      port: 0,
      host: null,
      path: null,
      maxConnections: 1_024,
      headersTimeout: 15,
      requestTimeout: 120,
    })
  })

  test.each([
    { port: -1 },
    { port: 65_536 },
    { port: '80' },
    { host: 5 },
    { path: '/a', port: 5 },
    { path: '/a', host: 'b' },
  ])('reject %j', (given) => {
    expect(() => readListen(given)).toThrow('listen(): ')
  })
})
