import { describe, expect, test } from 'vitest'
import { type NginxOptions, nginx } from '../../src/nginx/index.ts'
import { isMember, type Members, readNginxOptions } from '../../src/nginx/options.ts'
import type { Child } from '../../src/types/child.ts'
import { failureOf } from '../support/children.ts'
import { newFolder, newSpinner } from '../support/host.ts'
import { errorsOf, hello } from './site.ts'

const GOOD = { upstream: 'app', file: '/tmp/app.conf' } as const

/** Returns the message of the error for options, or 'none'. */
function errorOf(options: unknown): string {
  try {
    nginx(options as NginxOptions)
    return 'none'
  } catch (thrown) {
    expect(thrown).toMatchObject({ code: 'ERR_SPINNER_INVALID_OPTION' })
    return (thrown as Error).message
  }
}

describe('options', () => {
  test('have these defaults', () => {
    expect(readNginxOptions(GOOD)).toEqual({
      ...GOOD,
      mode: 'include',
      children: null,
      command: ['nginx'],
      config: null,
      test: true,
      reload: true,
      pid: null,
      grace: 0,
      params: 'max_fails=0',
      directives: [],
      backup: null,
      debounce: 0.1,
      timeout: 10,
    })
  })

  const wrong: readonly [what: string, options: unknown, message: string | RegExp][] = [
    ['no argument', undefined, 'nginx(): `options` must be an object, but it is undefined.'],
    ['no options', {}, /`upstream` is missing: pass the name .* `file` is missing: pass the path/],
    [
      'a misspelled option',
      { ...GOOD, upsteam: 'b' },
      'nginx(): `upsteam` is not an option; did you mean `upstream`?',
    ],
    [
      'a name that closes the block',
      { ...GOOD, upstream: 'a { } server {' },
      /^nginx\(\): `upstream` must be the name of the upstream: letters/,
    ],
    ['a name with a line feed', { ...GOOD, upstream: 'a\n' }, /`upstream` must be/],
    ['an empty name', { ...GOOD, upstream: '' }, /`upstream` must be/],
    ['a file with a zero byte', { ...GOOD, file: '/a\0b' }, /`file` must be/],
    [
      'an unknown mode',
      { ...GOOD, mode: 'blocks' },
      "nginx(): `mode` must be 'include' or 'block', but it is \"blocks\".",
    ],
    ['parameters that end the line', { ...GOOD, params: 'weight=1; } server {' }, /`params` must be/],
    ['parameters with a line feed', { ...GOOD, params: 'down\n' }, /`params` must be/],
    ['parameters with two spaces', { ...GOOD, params: 'down  backup' }, /`params` must be/],
    ['a directive with a block', { ...GOOD, directives: ['a { }'] }, /`directives` must be/],
    ['two directives in one', { ...GOOD, directives: ['least_conn; keepalive 1'] }, /`directives` must be/],
    ['a directive that closes the block', { ...GOOD, directives: ['least_conn; }'] }, /`directives` must be/],
    ['a directive with a comment', { ...GOOD, directives: ['least_conn # a'] }, /`directives` must be/],
    [
      'a server among the directives',
      { ...GOOD, directives: ['server 127.0.0.1:1'] },
      /`directives` must be/,
    ],
    [
      'directives with `mode: block`',
      { ...GOOD, mode: 'block', directives: ['least_conn'] },
      /`directives` need `mode: 'include'`/,
    ],
    [
      'a command as one string',
      { ...GOOD, command: 'nginx -g' },
      'nginx(): `command` must be an array of a program and its arguments, but it is "nginx -g".',
    ],
    ['a command without a program', { ...GOOD, command: [] }, /`command` must be/],
    [
      'a reload as one string',
      { ...GOOD, reload: 'systemctl reload nginx' },
      /`reload` must be true, false, or an array/,
    ],
    ['a backup that is not an address', { ...GOOD, backup: 'gateway' }, /`backup` must be/],
    ['a backup on port 0', { ...GOOD, backup: 0 }, /`backup` must be/],
    ['a negative grace', { ...GOOD, grace: -1 }, /`grace` must be seconds/],
    ['a timeout of 0', { ...GOOD, timeout: 0 }, /`timeout` must be more than 0 seconds/],
    ['children that are a number', { ...GOOD, children: 3 }, /`children` must be/],
  ]
  for (const [what, options, message] of wrong)
    test(`are rejected with a remedy: ${what}`, () => {
      if (typeof message === 'string') expect(errorOf(options)).toBe(message)
      else expect(errorOf(options)).toMatch(message)
    })

  test('can be written in the usual forms', () => {
    const file = new URL('file:///tmp/a%20b.conf')
    const directives = ['least_conn;', ' keepalive 16 ', 'hash "$uri;" consistent']
    expect(
      readNginxOptions({ upstream: 'a.b-c_1', file, grace: '1m', directives, params: '' }),
    ).toMatchObject({
      file: '/tmp/a b.conf',
      grace: 60,
      directives: ['least_conn;', 'keepalive 16;', 'hash "$uri;" consistent;'],
    })
    expect(
      readNginxOptions({ ...GOOD, params: 'weight=5 max_fails=3 fail_timeout=30s backup' }),
    ).toBeDefined()
    expect(readNginxOptions({ upstream: 'a', file: 'relative.conf' }).file).toBe(
      `${process.cwd()}/relative.conf`,
    )
  })
})

describe('children', () => {
  const selected = (which: Members | null, ...names: string[]): string[] =>
    names.filter((name) => isMember({ name } as Child, which))

  test('are selected by name, pool, pattern or function', () => {
    const names = ['a', 'a-0', 'a-12', 'a-x', 'a-', 'ab', 'b-1']
    expect(selected(null, ...names)).toEqual(names)
    expect(selected('a', ...names)).toEqual(['a', 'a-0', 'a-12'])
    expect(selected(['ab', 'b'], ...names)).toEqual(['ab', 'b-1'])
    expect(selected(/^a/gy, ...names)).toEqual(['a', 'a-0', 'a-12', 'a-x', 'a-', 'ab'])
    expect(selected(({ name }) => name.length === 2, ...names)).toEqual(['a-', 'ab'])
    expect(selected([], ...names)).toEqual([])
  })

  test('start and report an error if the function throws', async () => {
    const children = (): never => {
      throw new Error('no idea')
    }
    const file = `${newFolder()}/app.conf`
    const spinner = newSpinner({
      plugins: [nginx({ upstream: 'app', file, children, test: false, reload: false })],
    })
    const errors = errorsOf(spinner)
    await spinner.start(hello('a'))
    expect(errors.map(({ message }) => message)).toEqual(['no idea'])
  })

  test('belong to one spinner', async () => {
    const file = `${newFolder()}/app.conf`
    const plugin = nginx({ upstream: 'app', file, test: false, reload: false })
    newSpinner().use(plugin)
    const setup = Promise.resolve(plugin.setup?.(newSpinner()))
    expect((await failureOf(setup))?.message).toContain(
      'a plugin is for one spinner; call nginx() once for each',
    )
  })
})
