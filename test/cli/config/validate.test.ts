import { describe, expect, test } from 'vitest'
import { ConfigError } from '../../../src/cli/config/error.ts'
import { understand } from '../../../src/cli/config/read.ts'

/** Returns the problems of a file, one line each. */
function problemsOf(text: string, environment: string | null = null): readonly string[] {
  try {
    understand(text, 'spinner.yml', environment)
  } catch (thrown) {
    if (thrown instanceof ConfigError) return thrown.lines
    throw thrown
  }
  return []
}

const child = (options: string): string => `children:\n  web:\n    command: x\n    ${options}\n`
const gateway = (listen: string, ...routes: readonly string[]): string =>
  `children:\n  web: {command: x}\n  job: {command: x, listen: null}\npools:\n  P: {command: x, size: 1}\ngateway:\n  listen: ${listen}\n  routes:\n${routes.map((route) => `    - ${route}\n`).join('')}`
const anchors = Array.from(
  { length: 12 },
  (_, level) =>
    `a${level}: &a${level} [${Array(9)
      .fill(level === 0 ? 'x' : `*a${level - 1}`)
      .join(', ')}]`,
)

/** Files, each with all the problems that must be reported. */
const FILES: readonly (readonly [string, readonly string[]])[] = [
  // Syntax.
  ['children: {', ['1:12: Flow map in block collection must be sufficiently indented and end with a }']],
  ['a: b: c', ['1:4: Nested mappings are not allowed in compact mappings']],
  ['children:\n\tweb: {}', ['2:1: Tabs are not allowed as indentation']],
  ['children: "web', ['1:15: Missing closing "quote']],
  ['id: "\\q"', ['1:6: Invalid escape sequence \\q']],
  [']', ["1:1: unexpected ']'"]],
  ['a: 1\n b: 2', ['1:4: Nested mappings', '1:4: Implicit keys']],
  // Parts of YAML that are not supported.
  ['- web', ['1:1: a configuration must be a map, with keys such as `children:`']],
  ['web', ['1:1: a configuration must be a map, with keys such as `children:`']],
  ['id: a\n---\nid: b', ['2:1: a configuration is one document, but a second one begins here']],
  ['id: !!str x', ["1:5: tags are not supported; remove '!!str'"]],
  ['id: !<x> y', ["1:5: tags are not supported; remove '!<x>'"]],
  ['? [a]\n: b', ['1:3: a key must be a string']],
  ['id: *nobody', ["1:5: no anchor '&nobody' precedes this alias"]],
  ['a: &a\n  b: *a', ["2:6: '*a' contains itself"]],
  ['id: a\nid: b', ["2:1: duplicate key 'id'"]],
  ['<<: nothing', ['1:5: `<<` must be a map or a list of maps, such as `<<: *defaults`']],
  // Limits.
  [`id: ${'x'.repeat(1_000_000)}`, ['1:1: too large: a configuration has at most 1 MB']],
  ['['.repeat(40) + ']'.repeat(40), ['1:34: nested too deeply: a configuration has at most 32 levels']],
  ['['.repeat(100_000), ['1:101: nested too deeply: a configuration has at most 32 levels']],
  ['- '.repeat(100_000), ['1:201: nested too deeply: a configuration has at most 32 levels']],
  [`id: [${'x,'.repeat(10_001)}]`, ['1:20002: too large: a configuration has at most 10000 values']],
  [`id: [${'x,'.repeat(200_000)}]`, ['1:40003: too large: a configuration has at most 10000 values']],
  [anchors.join('\n'), ['5:10: too large: a configuration has at most 10000 values']],
  ['&a '.repeat(2_000), ['1:3001: too many anchors and aliases']],
  // Values.
  [child('monitor: {ignore: x}'), ['4:5: `monitor` needs `paths`, the files to watch']],
  [
    'nginx: {upstream: u, file: f, backup: 70000}',
    ["1:39: `backup` must be a port number from 1 to 65535, or the path of a socket, but it is '70000'"],
  ],
  ['nginx: {upstream: u, file: f, backup: 0700}', ["1:39: '0700' is 448 in YAML 1.1"]],
  // Keys.
  [child('checks: {memroy: {}}'), ["4:14: unknown key 'memroy'; did you mean 'memory'?"]],
  ['childen: {}', ["1:1: unknown key 'childen'; did you mean 'children'?"]],
  [child('onFire: 1'), ['4:5: unknown key']],
  [child('__proto__: {command: x}'), ["4:5: unknown key '__proto__'"]],
  ['environments:\n  a:\n    environments: {}', ["3:5: unknown key 'environments'"]],
  // Values.
  [child('attempts: many'), ["4:15: `attempts` must be an integer >= 1, but it is 'many'"]],
  [child('attempts: 0'), ["4:15: `attempts` must be an integer >= 1, but it is '0'"]],
  [
    child('timeout: soon'),
    [
      "4:14: `timeout` must be more than 0 seconds as a number, or a string such as '500ms', '30s', '5m', but it is 'soon'",
    ],
  ],
  [
    child('timeout: 1:30'),
    ["4:14: '1:30' can mean minutes and seconds, or hours and minutes; write a unit, such as '90s' or '90m'"],
  ],
  [child('listen: 0100'), ["4:13: '0100' is 64 in YAML 1.1 and 100 in YAML 1.2; write 100 or 64"]],
  [
    child('listen: 70000'),
    ["4:13: `listen` must be 'socket', 'port', a port number from 1 to 65535, or null, but it is '70000'"],
  ],
  [
    child('stopSignal: TERM'),
    [
      "4:17: `stopSignal` must be the name of a signal, such as 'SIGTERM', but it is 'TERM'; did you mean 'SIGTERM'?",
    ],
  ],
  [child('ipc: "yes"'), ['4:10: `ipc` must be true or false, but it is "yes"']],
  [
    'pools:\n  p: {command: x, size: 1_000_000_000}',
    ["2:25: `size` must be an integer from 1 to 10000, but it is '1_000_000_000'"],
  ],
  [child('args: x'), ["4:11: `args` must be a list of strings, but it is 'x'"]],
  [child('args: [a, {b: c}]'), ['4:15: `args` must be a string, but it is a map']],
  [child('env: [A]'), ['4:10: `env` must be a map of strings, but it is a list']],
  [child('env: {A: [b]}'), ['4:14: `A` must be a string, but it is a list']],
  [child('ready: {htp: /x}'), ["4:13: unknown key 'htp'; did you mean 'http'?"]],
  [child('ready: {output: "["}'), ['4:21: `output` must be a regular expression, but it is "["']],
  [child('restart: no'), ["4:14: `restart` must be 'always', 'on-failure' or 'never', but it is 'no'"]],
  ['children:\n  web: up', ["2:8: `web` must be a map of options, or null, but it is 'up'"]],
  ['pools: [a]', ['1:8: `pools` must be a map of names and options, but it is a list']],
  ['nginx: {mode: blok}', ["1:15: `mode` must be 'include' or 'block', but it is 'blok'"]],
  // Gateways.
  ['gateway: 8080', ["1:10: `gateway` must be a map, or null, but it is '8080'"]],
  ['gateway: {rotes: []}', ["1:11: unknown key 'rotes'; did you mean 'routes'?"]],
  [
    'gateway: {}',
    [
      '1:1: `gateway` needs `listen`, such as a port: 8080',
      '1:1: `gateway` needs `routes`, a list such as [{ host: shop.localhost, to: shop }]',
    ],
  ],
  [
    gateway('70000', '{to: web}'),
    ["7:11: `listen` must be a port number from 0 to 65535, or a map, but it is '70000'"],
  ],
  [gateway('{host: x}', '{to: web}'), ['7:3: `listen` needs a `port`, or the `path` of a unix socket']],
  [
    gateway('{path: x, port: 80}', '{to: web}'),
    ['7:3: `path` is a unix socket; give either `path`, or `port` and `host`'],
  ],
  [gateway('80', '{to: wbe}'), ["9:8: no child or pool is called 'wbe'; did you mean 'web'?"]],
  [gateway('80', '{host: a}'), ['9:7: a route needs `to`, the name of a child or pool']],
  [gateway('80', '{to: job}'), ["9:8: 'job' does not listen, so no request can reach it"]],
  [
    gateway('80', '{to: P}'),
    ["9:8: the gateway cannot route to pool 'P': its name must consist of a-z, 0-9"],
  ],
  [
    gateway('80', '{host: "a b", to: web}'),
    ['9:14: `host` must be a host name, or \'*.\' followed by a host name, but it is "a b"'],
  ],
  [
    gateway('80', '{host: *.localhost, to: web}'),
    ["9:14: no anchor '&.localhost' precedes this alias; a string that begins with * needs quotes"],
  ],
  [
    gateway('80', '{path: docs, to: web}'),
    [
      "9:14: `path` must be a path such as '/docs', which also matches all paths below it, without a query or '*', but it is 'docs'",
    ],
  ],
  [gateway('80', '{header: {value: x}, to: web}'), ['9:8: `header` needs a `name`']],
  [
    gateway('80', '{ignore: [healthz], to: web}'),
    ["9:17: `ignore` must be a path such as '/healthz' or '/hmr/*', but it is 'healthz'"],
  ],
  [
    gateway('80', '{host: A.localhost, to: web}', '{host: a.localhost., to: web}'),
    ['10:7: this route matches the same requests as an earlier route; remove one of them'],
  ],
  [
    gateway('80', '{to: web}').replace('command: x}', 'command: x, listen: 80}'),
    ['2:21: duplicate port: 80 is also the port of the gateway'],
  ],
  [
    `${gateway('80', '{to: web}')}maxRunning: 2`,
    [
      '10:1: `maxRunning` must be at least 3: 2 children always run, and the children that requests start need a slot',
    ],
  ],
  ['maxMemory: much', ["1:12: `maxMemory` must be a number of bytes, or a string such as '2GB'"]],
  // Missing and duplicate parts.
  ['children:\n  web: {}', ["2:3: child 'web' needs a `command`, or a `script` for Node"]],
  ['pools:\n  p: {command: x}', ["2:3: pool 'p' needs a `size`, the number of its children"]],
  [
    'pools:\n  p: {command: x, size: 2, listen: 80}',
    ['2:28: a pool takes `port`, its first port, instead of a number for `listen`'],
  ],
  ['pools:\n  p: {command: x, size: 9, port: 65530}', ['2:28: 9 ports from 65530 on exceed 65535']],
  [
    'children:\n  p-1: {command: x}\npools:\n  p: {command: x, size: 2}',
    ["4:3: duplicate name: 'p-1' of this pool is also the name of child 'p-1'"],
  ],
  [
    'children:\n  a: {command: x, listen: 81}\npools:\n  p: {command: x, size: 2, port: 80}',
    ["4:28: duplicate port: 81 is also the port of 'a'"],
  ],
  [child('ready: {http: /x, output: y}'), ['4:5: `ready` must have exactly one of http, output']],
  [`${child('')}nginx: {upstream: u}`, ['5:1: `nginx` needs `file`']],
  [
    `${child('')}nginx:\n  - {upstream: u, file: f, children: [wbe]}`,
    ["6:39: no child or pool is called 'wbe'; did you mean 'web'?"],
  ],
]

describe('an invalid configuration', () => {
  for (const [text, lines] of FILES) {
    const title = JSON.stringify(text.length > 70 ? `${text.slice(0, 70)}…` : text)
    test(`H63: ${title} is reported with line and column`, () => {
      const problems = problemsOf(text)
      expect(problems).toHaveLength(lines.length)
      for (const [index, line] of lines.entries()) expect(problems[index]).toContain(`spinner.yml:${line}`)
    })
  }

  test('reports all problems at once, in the order of the file', () => {
    const text = 'id: [x]\ndefaults: {timeout: soon}\nchildren:\n  web: {attempts: 0, comand: x}\n'
    expect(problemsOf(text, 'prodution')).toEqual([
      "spinner.yml:1:1: no environment is called 'prodution'; the file has none",
      'spinner.yml:1:5: `id` must be a non-empty string, but it is a list',
      expect.stringContaining('spinner.yml:2:21: `timeout` must be'),
      expect.stringContaining('spinner.yml:4:19: `attempts` must be'),
      "spinner.yml:4:22: unknown key 'comand'; did you mean 'command'?",
    ])
  })

  test('reports a problem of the defaults once, however many children inherit it', () => {
    const text = 'defaults: {timeout: soon}\nchildren:\n  a: {command: x}\n  b: {command: x}\n'
    expect(problemsOf(text)).toHaveLength(1)
  })

  test('suggests the nearest name for an unknown environment', () => {
    const text = `${child('')}environments:\n  production: {}\n`
    expect(problemsOf(text, 'prodution')).toEqual([
      "spinner.yml:5:1: no environment is called 'prodution'; did you mean 'production'?",
    ])
  })

  test('reports problems of an environment even if another one is selected', () => {
    const text = `${child('')}environments:\n  a: {}\n  b: {children: {web: {attempts: x}}}\n`
    expect(problemsOf(text, 'a')).toEqual([expect.stringContaining('spinner.yml:7:34: `attempts` must be')])
  })

  test('lists at most 50 of a thousand problems', () => {
    const problems = problemsOf(Array.from({ length: 1_000 }, (_, index) => `k${index}: 1`).join('\n'))
    expect(problems).toHaveLength(51)
    expect(problems.at(-1)).toBe('spinner.yml: and 950 more')
  })
})
