import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { EXAMPLE } from '../../../src/cli/commands/init.ts'
import { type Config, effective } from '../../../src/cli/config/model.ts'
import { understand } from '../../../src/cli/config/read.ts'
import { writeYaml } from '../../../src/cli/config/yaml.ts'

const read = (text: string, environment: string | null = null): Config =>
  understand(text, '/site/spinner.yml', environment)

const web = (options: string): Record<string, unknown> =>
  ({ ...read(`children:\n  web:\n    command: x\n    ${options}\n`).children.get('web') }) as Record<
    string,
    unknown
  >

describe('a configuration', () => {
  test('contains children, pools and nginx, with the defaults merged into each child and pool', () => {
    const config = read(`
id: site
concurrency: 3
runtimeDir: run
defaults:
  timeout: 5s
  env: { A: 1, B: 1 }
  checks: { memory: { limit: 100_000, retries: 3 } }
children:
  web: { script: web.js, env: { B: 2 }, checks: { memory: { retries: 5 } } }
  worker: { command: ./bin/worker, listen: null, checks: { memory: null } }
pools:
  p: { size: 2, port: 08080, command: serve }
nginx: { upstream: u, file: u.conf, children: [p] }
`)
    const checks = { memory: { limit: 100_000, retries: 3 } }
    const defaults = { timeout: '5s', env: { A: '1', B: '1' }, cwd: '/site' }
    expect(effective(config)).toEqual({
      id: 'site',
      concurrency: 3,
      runtimeDir: '/site/run',
      children: {
        web: {
          ...defaults,
          script: '/site/web.js',
          env: { A: '1', B: '2' },
          checks: { memory: { limit: 100_000, retries: 5 } },
        },
        worker: { ...defaults, command: '/site/bin/worker', listen: null, checks: {} },
      },
      pools: { p: { ...defaults, size: 2, port: 8080, command: 'serve', checks } },
      nginx: [{ upstream: 'u', file: '/site/u.conf', children: ['p'] }],
    })
  })

  test('is changed by an environment: maps are merged, lists and scalars replaced, null removes', () => {
    const text = `
defaults: { env: { MODE: dev, KEPT: 1 } }
children:
  web: { command: x, args: [a, b], timeout: 1 }
  tool: { command: y }
pools:
  p: { command: z, size: 1 }
nginx: [{ upstream: a, file: f }, { upstream: b, file: g }]
environments:
  production:
    defaults: { env: { MODE: prod } }
    children:
      web: { args: [c] }
      tool: null
      extra: { command: e }
    pools: { p: { size: 5 } }
    nginx: null
  other: null
`
    const production = read(text, 'production')
    expect(production.environments).toEqual(['production', 'other'])
    expect([...production.children.keys()]).toEqual(['web', 'extra'])
    expect(production.children.get('web')).toEqual({
      command: 'x',
      args: ['c'],
      timeout: 1,
      env: { MODE: 'prod', KEPT: '1' },
      cwd: '/site',
    })
    expect(production.pools.get('p')?.size).toBe(5)
    expect(production.nginx).toEqual([])
    expect(effective(read(text, 'other'))).toEqual(effective(read(text)))
    expect(read(text).nginx).toHaveLength(2)
  })

  test('can use anchors, aliases and merges, like a configuration of Rails', () => {
    const { children } = read(
      `
environments:
  base: &base
    children: &all
      web: &web { command: x, timeout: 1 }
  production:
    <<: *base
    children:
      <<: [*all, { tool: { command: y } }]
      api: { <<: *web, timeout: 2 }
`,
      'production',
    )
    expect(Object.fromEntries(children)).toEqual({
      web: { command: 'x', timeout: 1, cwd: '/site' },
      tool: { command: 'y', cwd: '/site' },
      api: { command: 'x', timeout: 2, cwd: '/site' },
    })
  })

  test('resolves an alias to the last definition of its anchor before it', () => {
    const { children } = read(`
children:
  a: { command: x, env: { A: &it one } }
  b: { command: x, env: &env { B: *it } }
  c: { command: x, env: { C: &it two, D: *it } }
  d: { command: x, env: *env }
`)
    expect([...children].map(([, { env }]) => env)).toEqual([
      { A: 'one' },
      { B: 'one' },
      { C: 'two', D: 'two' },
      { B: 'one' },
    ])
  })

  test('has a gateway, whose routes determine which children wait for their first request', () => {
    const text = `
maxRunning: 3
maxMemory: 2GB
children:
  shop: { script: shop.js }
  warm: { script: warm.js, warm: true }
  worker: { command: work, listen: null }
gateway:
  listen: 8080
  hosts: ["*"]
  wait: 10s
  maxBody: 10MB
  trustProxy: [loopback, 10.0.0.0/8]
  routes:
    - { host: "*.shop.localhost", to: shop, waitingPage: yes, ignore: [/healthz] }
    - { path: /warm, strip: on, header: { name: x-app }, to: warm, answerTimeout: ~ }
environments:
  production: { gateway: { listen: { path: run/front.sock, maxConnections: 10 } } }
  none: { gateway: null }
`
    const config = read(text)
    expect(config.own).toEqual({ maxRunning: 3, maxMemory: '2GB' })
    expect([...config.lazy]).toEqual(['shop'])
    expect(config.gateway).toMatchObject({
      listen: { port: 8080 },
      options: {
        hosts: ['*'],
        wait: '10s',
        maxBody: '10MB',
        trustProxy: ['loopback', '10.0.0.0/8'],
        routes: [
          { host: '*.shop.localhost', to: 'shop', waitingPage: true, ignore: ['/healthz'] },
          { path: '/warm', strip: true, header: { name: 'x-app' }, to: 'warm', answerTimeout: null },
        ],
      },
    })
    expect(effective(read(writeYaml(effective(config))))).toEqual(effective(config))
    const { listen } = read(text, 'production').gateway ?? {}
    expect(listen).toEqual({ path: '/site/run/front.sock', maxConnections: 10 })
    expect(read(text, 'none').gateway).toBeNull()
    expect(read(text, 'none').lazy.size).toBe(0)
  })

  test('passes arguments and variables to children as they are written', () => {
    expect(web('env: { A: 08080, B: 1.10, C: yes, D: 0100, E: 1:30, F: "", G: ~, H: 1_000 }')['env']).toEqual(
      {
        A: '08080',
        B: '1.10',
        C: 'yes',
        D: '0100',
        E: '1:30',
        F: '',
        G: null,
        H: '1_000',
      },
    )
    expect(web('args: [08080, no, -p, 1.10, ""]')['args']).toEqual(['08080', 'no', '-p', '1.10', ''])
    expect(read('children: { flood: { command: yes } }').children.get('flood')).toMatchObject({
      command: 'yes',
    })
  })

  test.each([
    ['listen: 08080', 'listen', 8080],
    ['listen: 8_080', 'listen', 8080],
    ['listen: "8080"', 'listen', 8080],
    ['listen: ~', 'listen', null],
    ['listen: port', 'listen', 'port'],
    ['idleTimeSec: -1', 'idleTimeSec', -1],
    ['idleTimeSec:', 'idleTimeSec', null],
    ['timeout: 0.5', 'timeout', 0.5],
    ['timeout: 1_000', 'timeout', 1_000],
    ['timeout: 500ms', 'timeout', '500ms'],
    ['ipc: on', 'ipc', true],
    ['ipc: no', 'ipc', false],
    ['extendEnv: [HOME, yes]', 'extendEnv', ['HOME', 'yes']],
    ['extendEnv: off', 'extendEnv', false],
    ['uid: 0', 'uid', 0],
    ['ready: { http: /up }', 'ready', { http: '/up' }],
    ['ready: { output: ready$ }', 'ready', { output: 'ready$' }],
    ['stdout: log/web.log', 'stdout', '/site/log/web.log'],
    ['stdout: null', 'stdout', null],
    ['monitor: src', 'monitor', '/site/src'],
    ['monitor: [a, /b]', 'monitor', ['/site/a', '/b']],
    [
      'monitor: { paths: a, ignore: [x], debounce: 1s }',
      'monitor',
      { paths: '/site/a', ignore: ['x'], debounce: '1s' },
    ],
    ['monitor: null', 'monitor', null],
    ['cwd: sub', 'cwd', '/site/sub'],
    ['cwd: null', 'cwd', '/site'],
  ])('converts `%s` to the option %s of the library: %j', (line, key, value) => {
    expect(web(line)[key]).toEqual(value)
  })

  test('H62: can have children and variables of any name, and does not change Object.prototype', () => {
    const before = Object.getOwnPropertyNames(Object.prototype)
    const names = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty']
    const text = names.map((name) => `  ${name}: { command: x, env: { ${name}: polluted } }`).join('\n')
    const config = read(
      `children:\n${text}\nenvironments:\n  __proto__: { children: { __proto__: { timeout: 1 } } }\n`,
      '__proto__',
    )
    expect([...config.children.keys()]).toEqual(names)
    const first = config.children.get('__proto__') as { env: object; timeout: number }
    expect(Object.getOwnPropertyDescriptor(first.env, '__proto__')?.value).toBe('polluted')
    expect(first.timeout).toBe(1)
    expect(Object.getOwnPropertyNames(Object.prototype)).toEqual(before)
    expect(({} as Record<string, unknown>)['command']).toBeUndefined()
  })

  test('is the same after it was printed and read again', () => {
    const text = `
children:
  web: { command: yes, args: ["0100", no, ~x], env: { A: 08080, B: "null", C: "", D: "a\\nb" }, listen: 0x1F }
pools:
  p: { script: p.js, size: 3, port: 9000, monitor: null, checks: { responseTime: { threshold: 2, headers: { X: yes } } } }
nginx: { upstream: u, file: f, command: [./nginx, -p, .], params: [weight=2, max_fails=0], backup: 80 }
`
    const once = effective(read(text))
    expect(effective(read(writeYaml(once)))).toEqual(once)
  })

  test('that `spinner init` writes is valid, with and without its commented lines', () => {
    expect([...read(EXAMPLE).children.keys()]).toEqual(['web'])
    const all = EXAMPLE.replace(/^(\s*)# (.*:)/gm, (line, space, rest) =>
      /^[A-Z]|^yaml-| says | is told /.test(rest) ? line : space + rest,
    ).replace(/^# ( +.*|- .*)$/gm, '$1')
    const config = read(all, 'production')
    expect([...config.pools.keys()]).toEqual(['renderer'])
    expect(config.nginx).toHaveLength(1)
    expect([...config.lazy]).toEqual(['web'])
    expect(config.children.get('web')).toHaveProperty('checks.memory.limit', '500MB')
    expect(config.children.get('web')).toHaveProperty('env.NODE_ENV', 'production')
  })

  test('resolves paths against the directory of the file', () => {
    const { children } = understand('children: { web: { script: a.js } }', 'sub/spinner.yml', null)
    expect(children.get('web')).toMatchObject({ script: path.resolve('sub/a.js'), cwd: path.resolve('sub') })
  })

  test('can be empty, or consist of comments', () => {
    for (const text of ['', '\n', '# nothing\n', '---\n', '\uFEFF# x\n', '%YAML 1.2\n---\n{}\n'])
      expect(read(text).children.size).toBe(0)
  })

  test('can have any kind of line ends', () => {
    expect([...read('children:\r\n  web:\r\n    command: x\r\n').children.keys()]).toEqual(['web'])
  })
})
