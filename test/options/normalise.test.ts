import { pathToFileURL } from 'node:url'
import { expect, test } from 'vitest'
import { SpinnerError } from '../../src/errors.ts'
import { completeSettings, normaliseSpinner, readCall } from '../../src/options/normalise.ts'
import { CHILD_OPTIONS } from '../../src/options/table.ts'
import type { ChildSettings } from '../../src/types/options.ts'

const settingsOf = (given: object | string, defaults: object = {}): ChildSettings =>
  completeSettings(readCall(given), normaliseSpinner(defaults).defaults)

function errorFor(action: () => unknown): SpinnerError {
  try {
    action()
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(SpinnerError)
    expect((thrown as SpinnerError).code).toBe('ERR_SPINNER_INVALID_OPTION')
    return thrown as SpinnerError
  }
  throw new Error('the options were accepted')
}

test('every option has its documented default', () => {
  expect(settingsOf({ name: 'a' })).toEqual({
    name: 'a',
    script: null,
    command: process.execPath,
    args: [],
    env: {},
    extendEnv: true,
    cwd: null,
    logger: console,
    timeout: 30,
    attempts: 3,
    stopTimeout: 30,
    stopSignal: 'SIGTERM',
    stopScope: 'leader',
    monitor: null,
    stdout: process.stdout,
    stderr: process.stderr,
    idleTimeSec: 1800,
    warm: false,
    restart: 'always',
    restartTolerance: 60,
    maxRestarts: 1,
    faultTimeout: 60,
    restartOrder: 'stop-first',
    listen: 'socket',
    ready: 'listen',
    stdin: 'ignore',
    ipc: false,
    uid: undefined,
    gid: undefined,
    checks: [],
    drainTimeout: 30,
  })
})

test('the options of the spinner have defaults, and contain no defaults for children unless given', () => {
  expect(normaliseSpinner({})).toEqual({
    defaults: {},
    plugins: [],
    concurrency: null,
    maxRunning: null,
    maxMemory: null,
    runtimeDir: null,
    id: null,
    orphans: 'kill',
    cgroup: false,
  })
})

const SCRIPT_URL = new URL('file:///srv/app.js')

const INVALID_VALUES: Record<string, readonly unknown[]> = {
  name: ['', 'a\0b', 1, null, {}],
  script: ['', 'a\0.js', 1, null, [], SCRIPT_URL, SCRIPT_URL.href],
  command: ['', 'a\0b', 1, null, ['node']],
  args: ['--port 1', [1], ['a\0b'], null, { 0: 'a' }, new Set(['a'])],
  env: ['A=1', null, ['A'], { A: {} }, { A: () => 1 }, { A: 'a\0b' }, { 'A=B': '1' }, { '': '1' }],
  extendEnv: ['PATH', null, 1, [1]],
  cwd: [
    '',
    'a\0b',
    1,
    {},
    new URL('https://127.0.0.1/'),
    new URL('file:///a%00b'),
    new URL('file:///%E0%A4'),
  ],
  logger: ['console', 1, {}, { info() {} }, true],
  timeout: [0, -1, null, Number.NaN, Number.POSITIVE_INFINITY, '5', '5 parsecs', 'soon', {}, '0s'],
  attempts: [0, -1, 1.5, '3', null, Number.NaN, 2 ** 53],
  stopTimeout: [-1, null, Number.NaN, Number.POSITIVE_INFINITY, `${'9'.repeat(400)}s`, '-1s', []],
  stopSignal: ['TERM', 'sigterm', '', 15, null, 'toString', '__proto__'],
  stopScope: ['both', null, 1],
  monitor: ['', [], [''], 1, true, {}, { paths: 'a', every: 1 }, { paths: 'a', debounce: 'x' }],
  stdout: ['inherit', 1, {}, { write() {} }],
  stderr: ['inherit', 1, {}, { on() {} }],
  warm: ['yes', 1, null, {}],
  idleTimeSec: [-2, -0.5, Number.NaN, Number.NEGATIVE_INFINITY, 'never', true, {}],
  restart: ['sometimes', null, true, false],
  restartTolerance: [-1, null, Number.NaN, 'x'],
  maxRestarts: [-1, 0.5, null, Number.POSITIVE_INFINITY, '1'],
  faultTimeout: [-1, null, Number.NaN, 'x'],
  restartOrder: ['both', null, 1],
  listen: ['tcp', 0, 65_536, -1, 1.5, Number.NaN, {}, { allocate() {} }, true],
  ready: ['soon', null, {}, { http: 'x' }, { output: 'x' }, { http: '/', output: /x/ }, 1],
  stdin: ['inherit', null, 0],
  ipc: ['yes', null, 1],
  uid: [-1, 'root', null, 1.5],
  gid: [-1, 'root', null, 1.5],
  checks: [{}, [{}], [null], new Array(1), [{ name: 'a', interval: 0, retries: 1, run() {} }], null],
  drainTimeout: [-1, null, Number.NaN, 'x'],
}

test('every option has a row of invalid values', () => {
  expect(Object.keys(INVALID_VALUES).sort()).toEqual(Object.keys(CHILD_OPTIONS).sort())
})

test.each(Object.entries(INVALID_VALUES))(
  'an invalid `%s` is rejected with its name, the expectation and the value',
  (key, values) => {
    for (const value of values) {
      const { message } = errorFor(() => settingsOf({ name: 'a', [key]: value }))
      expect(message).toContain(
        `\`${key}\` must be ${CHILD_OPTIONS[key as keyof ChildSettings].expected}, but `,
      )
      expect(message).not.toMatch(/\b(but|is) *[.;]/)
    }
  },
)

test.each([
  [{ args: ['a', 3] }, '`args[1]` is 3'],
  [{ args: new Array(1) }, '`args[0]` is undefined'],
  [{ args: ['a\0b'] }, '`args[0]` is "a\\u0000b", which contains a NUL character'],
  [{ args: 'a' }, 'it is "a"'],
  [{ extendEnv: ['A', 1] }, '`extendEnv[1]` is 1'],
  [{ env: { a: {} } }, 'its "a" is an object'],
  [{ env: { a: null, b: 'a\0b' } }, 'its "b" is "a\\u0000b", which contains a NUL character'],
  [{ env: { 'A=B': '1' } }, '"A=B" cannot be the name of a variable'],
  [{ env: { '': '1' } }, 'one of its names is empty'],
  [{ env: new Map() }, 'it is iterable, such as a Map'],
  [{ env: ['A'] }, 'it is an array'],
  [{ ready: { http: 'healthz' } }, `its \`http\` is "healthz", which does not begin with '/'`],
  [{ ready: { http: '/a b' } }, 'its `http` is "/a b", which contains white space'],
  [{ ready: { http: 80 } }, 'its `http` is 80'],
  [{ ready: { output: 'text' } }, 'its `output` is "text" and not a regular expression; write it as /…/'],
  [{ ready: { line: /x/ } }, 'it has "line"'],
  [{ ready: { http: '/', output: /x/ } }, 'it has more than one key'],
  [{ ready: {} }, 'it has none of these keys'],
])('the message for %j names the part that is wrong', (given, part) => {
  const { message } = errorFor(() => settingsOf({ name: 'a', ...given }))
  expect(message).toMatch(/ must be .*, but /)
  expect(message.endsWith(`, but ${part}.`)).toBe(true)
})

test.each([
  ['as the only argument', SCRIPT_URL],
  ['as a string', SCRIPT_URL.href],
  ['as `script`', { script: SCRIPT_URL }],
  ['as `script` and a string', { name: 'a', script: SCRIPT_URL.href }],
])('a script that is a URL, given %s, is rejected with the way to convert it', (_how, given) => {
  expect(errorFor(() => readCall(given)).message).toBe(
    '`script` must be the path of a script, but it is a URL; pass its path: fileURLToPath(url) of node:url returns it.',
  )
})

test.each([
  ['concurrency', 0],
  ['concurrency', null],
  ['runtimeDir', ''],
  ['id', 5],
  ['orphans', 'adopt'],
  ['cgroup', 'yes'],
  ['plugins', [{ name: 'a', ready: 1 }]],
  ['plugins', [{}]],
  ['timeout', 0],
])('createSpinner rejects an invalid `%s` (%j)', (key, value) => {
  expect(errorFor(() => normaliseSpinner({ [key]: value })).message).toContain(`\`${key}\` must be `)
})

test('a message shows any value, and is short', () => {
  const shown = (name: unknown): string => errorFor(() => readCall({ name })).message
  expect(shown(Symbol('odd'))).toContain('but it is Symbol(odd)')
  expect(shown(7n)).toContain('but it is 7')
  expect(shown(() => {})).toContain('but it is a function')
  expect(shown([])).toContain('but it is an array')
  expect(shown(`\0${'x'.repeat(9_999)}`).length).toBeLessThan(200)
  expect(errorFor(() => readCall({ ['k'.repeat(9_999)]: 1 })).message.length).toBeLessThan(200)
})

test.each([
  ['idleTimeoutSec', 'idleTimeSec'],
  ['IdleTimeSec', 'idleTimeSec'],
  ['enviroment', undefined],
  ['comand', 'command'],
  ['stopTimout', 'stopTimeout'],
  ['scirpt', 'script'],
])('an option called `%s` is rejected, with a suggestion if a name is similar', (typo, meant) => {
  const { message } = errorFor(() => readCall({ name: 'a', [typo]: 1 }))
  expect(message).toContain(`\`${typo}\` is not an option`)
  if (meant) expect(message).toContain(`did you mean \`${meant}\`?`)
  else expect(message).not.toContain('did you mean')
})

test('`port` is rejected with a reference to `listen`, for a child and for a spinner', () => {
  const message = '`port` is not an option; set the address with `listen`, such as `listen: 3000`.'
  expect(errorFor(() => readCall({ script: 'a.js', port: 3000 })).message).toBe(message)
  expect(errorFor(() => normaliseSpinner({ port: 3000 })).message).toBe(message)
})

test.each([
  ['TERM', 'SIGTERM'],
  ['term', 'SIGTERM'],
  ['sigint', 'SIGINT'],
  ['SIGTERMS', 'SIGTERM'],
  ['kill', 'SIGKILL'],
])('for a stop signal called %s, the message suggests %s', (wrong, meant) => {
  const { message } = errorFor(() => readCall({ name: 'a', stopSignal: wrong }))
  expect(message).toContain(`did you mean '${meant}'?`)
})

test('one error names everything that is wrong', () => {
  const { message } = errorFor(() => readCall({ name: '', timeout: 0, args: 'x', colour: 'red' }))
  for (const part of ['`name` must', '`timeout` must', '`args` must', '`colour` is not an option'])
    expect(message).toContain(part)
})

test('an option in the wrong place is rejected with the right place', () => {
  expect(errorFor(() => readCall({ name: 'a', concurrency: 1 })).message).toContain(
    '`concurrency` is an option of createSpinner(), not of one child',
  )
  expect(errorFor(() => normaliseSpinner({ script: 'a.js' })).message).toContain(
    '`script` is an option of one child, not of createSpinner()',
  )
})

test('options that contradict each other are rejected', () => {
  const together = (given: object): string => errorFor(() => settingsOf({ name: 'a', ...given })).message
  expect(together({ listen: null, ready: 'listen' })).toContain('needs an address, but `listen` is null')
  expect(together({ listen: null, ready: { http: '/' } })).toContain('needs an address')
  expect(together({ listen: 'port', restartOrder: 'start-first' })).toContain("`restartOrder` 'start-first'")
})

test.each([
  [-1, null],
  [0, 0],
  [1, 1],
  [2 ** 31 / 1_000, 2 ** 31 / 1_000],
  [1e9, 1e9],
  [Number.POSITIVE_INFINITY, null],
  [null, null],
  ['5s', 5],
])('H18 `idleTimeSec: %s` means %s seconds, and null means never', (given, meant) => {
  expect(settingsOf({ name: 'a', idleTimeSec: given }).idleTimeSec).toBe(meant)
})

test.each([
  ['500ms', 0.5],
  ['30s', 30],
  ['5m', 300],
  ['2h', 7_200],
  ['1d', 86_400],
  [' 1.5 s ', 1.5],
  [0.25, 0.25],
])('a duration can be written %s', (given, seconds) => {
  expect(settingsOf({ name: 'a', timeout: given }).timeout).toBe(seconds)
})

test('zero, false and an absent option have different meanings', () => {
  const zero = settingsOf({ name: 'a', maxRestarts: 0, stopTimeout: 0, extendEnv: false, idleTimeSec: 0 })
  expect(zero).toMatchObject({ maxRestarts: 0, stopTimeout: 0, extendEnv: false, idleTimeSec: 0 })
  const absent = { maxRestarts: undefined, extendEnv: undefined, idleTimeSec: undefined }
  const defaults = { maxRestarts: 0, extendEnv: false, idleTimeSec: null }
  expect(settingsOf({ name: 'a', ...absent })).toMatchObject({
    maxRestarts: 1,
    extendEnv: true,
    idleTimeSec: 1800,
  })
  expect(settingsOf({ name: 'a', ...absent }, defaults)).toMatchObject(defaults)
  expect(settingsOf({ name: 'a', idleTimeSec: 5 }, defaults).idleTimeSec).toBe(5)
})

test('some defaults depend on other options', () => {
  expect(settingsOf({ name: 'a', listen: null }).ready).toBe('spawn')
  expect(settingsOf({ name: 'a', ready: 'message' }).ipc).toBe(true)
  expect(settingsOf({ name: 'a', command: 'npm' }).stopScope).toBe('group')
  expect(settingsOf({ name: 'a', command: 'npm', stopScope: 'leader' }).stopScope).toBe('leader')
  expect(settingsOf({ name: 'a' }, { stopScope: 'group' }).stopScope).toBe('group')
})

test('a script becomes the name and the first argument', () => {
  const settings = settingsOf({ script: 'app.js', args: ['-v'] })
  expect(settings).toMatchObject({ name: 'app.js', command: process.execPath, args: ['app.js', '-v'] })
  expect(settingsOf({ script: 'app.js', name: 'b' }).name).toBe('b')
  expect(errorFor(() => readCall({ command: 'ls' })).message).toContain('`name` is missing')
})

const paths = (settings: ChildSettings): readonly string[] | null => settings.monitor?.paths ?? null

test('a script is monitored by default', () => {
  expect(paths(settingsOf('app.js'))).toEqual(['app.js'])
  expect(paths(settingsOf('./app'))).toEqual(['./app.js'])
  expect(paths(settingsOf('app.cjs'))).toEqual(['app.cjs'])
  expect(paths(settingsOf({ script: 'app', name: 'b' }))).toEqual(['app.js'])
  expect(paths(settingsOf({ script: 'app', monitor: undefined }))).toEqual(['app.js'])
  expect(paths(settingsOf({ script: 'app', monitor: null }))).toBeNull()
  expect(paths(settingsOf({ script: 'app', monitor: ['lib', 'app.js'] }))).toEqual(['lib', 'app.js'])
  expect(paths(settingsOf({ name: 'a', command: 'ls' }))).toBeNull()
})

test('`monitor` in the defaults counts as given, `null` included', () => {
  expect(paths(settingsOf('app.js', { monitor: null }))).toBeNull()
  expect(paths(settingsOf('app.js', { monitor: 'lib' }))).toEqual(['lib'])
  expect(paths(settingsOf({ script: 'app.js', monitor: null }, { monitor: 'lib' }))).toBeNull()
})

test('`monitor` can be a path, an array, or an object with paths to ignore', () => {
  const given = { paths: ['lib'], ignore: /\.tmp$/, debounce: '250ms' }
  expect(settingsOf({ name: 'a', monitor: given }).monitor).toEqual({
    paths: ['lib'],
    ignore: [/\.tmp$/],
    debounce: 0.25,
  })
  expect(settingsOf({ name: 'a', monitor: 'lib' }).monitor).toEqual({
    paths: ['lib'],
    ignore: [],
    debounce: 0.1,
  })
})

test('`cwd` can be a file: URL', () => {
  expect(settingsOf({ name: 'a', cwd: pathToFileURL('/some where/é') }).cwd).toBe('/some where/é')
})
