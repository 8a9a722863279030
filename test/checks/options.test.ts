import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { check, command, memory, responseTime } from '../../src/checks/index.ts'
import type { Check } from '../../src/types/plugin.ts'

/** Calls a factory as JavaScript without types can. */
const untyped = (factory: unknown, ...given: unknown[]): Check =>
  (factory as (...given: unknown[]) => Check)(...given)

const messageFor = (factory: unknown, ...given: unknown[]): string => {
  try {
    untyped(factory, ...given)
  } catch (thrown) {
    expect(thrown).toMatchObject({ name: 'SpinnerError', code: 'ERR_SPINNER_INVALID_OPTION' })
    return (thrown as Error).message
  }
  return 'it was accepted'
}

test('built-in checks have the documented defaults', () => {
  const pace = (made: Check) => [made.name, made.retries, made.interval]
  expect(pace(memory({ limit: 1 }))).toEqual(['memory', 3, 5])
  expect(pace(responseTime())).toEqual(['responseTime', 2, 40])
  expect(pace(command({ command: 'true' }))).toEqual(['command', 3, 30])
  expect(pace(check('mine', async () => {}))).toEqual(['mine', 3, 5])
  expect(pace(memory({ limit: '1GB', retries: 1, interval: '2m' }))).toEqual(['memory', 1, 120])
})

describe('wrong options of a check', () => {
  test.each<[unknown, unknown[], string]>([
    [memory, [], 'memory(): `options` must be an object, but it is undefined.'],
    [
      memory,
      [{}],
      "memory(): `limit` is missing: pass a number of bytes >= 1, or a string such as '100MB', '1.5GB'.",
    ],
    [memory, [{ limit: '100' }], '`limit` must be a number of bytes >= 1'],
    [memory, [{ limit: 0 }], '`limit` must be a number of bytes >= 1'],
    [memory, [{ limit: '1GB', tree: 'yes' }], '`tree` must be true or false'],
    [
      memory,
      [{ limit: '1GB', treshold: 1, retris: 2 }],
      '`treshold` is not an option. `retris` is not an option; did you mean `retries`?',
    ],
    [
      memory,
      [{ limit: '1GB', retries: 0, interval: 0 }],
      '`retries` must be an integer >= 1, but it is 0. `interval` must be more than 0 seconds',
    ],
    [responseTime, [null], 'responseTime(): `options` must be an object, but it is null.'],
    [responseTime, [{ path: 'health' }], "`path` must be a path that begins with '/'"],
    [responseTime, [{ path: '/a b' }], '`path` must be'],
    [responseTime, [{ path: '/a\r\nHost: evil' }], '`path` must be'],
    [responseTime, [{ path: '/ä' }], 'percent-encoded'],
    [responseTime, [{ headers: { 'a b': 'x' } }], '`headers` must be'],
    [responseTime, [{ headers: { a: 'x\r\ny: z' } }], '`headers` must be'],
    [responseTime, [{ headers: { a: ['x'] } }], '`headers` must be'],
    [responseTime, [{ headers: { Connection: 'keep-alive' } }], 'without headers of the connection'],
    [responseTime, [{ headers: new Map([['a', 'b']]) }], '`headers` must be'],
    [responseTime, [{ threshold: -1 }], '`threshold` must be more than 0 seconds'],
    [command, [{}], 'command(): `command` is missing: pass the name or path of a program.'],
    [command, [{ command: 'ls', args: 'x' }], '`args` must be an array of strings'],
    [command, [{ command: 'ls', env: { 'A=B': '1' } }], '`env` must be an object of strings'],
    [command, [{ command: 'ls', name: '' }], '`name` must be a non-empty string'],
    [check, [], 'check(): the name must be a non-empty string, but it is undefined.'],
    [check, ['', () => {}], 'check(): the name must be a non-empty string, but it is "".'],
    [check, ['a', { interval: 1 }], 'check(): the second argument must be a function, but it is an object.'],
    [check, ['a', () => {}, { timeout: 'soon' }], 'check(): `timeout` must be more than 0 seconds'],
  ])('are reported at once: %#', (factory, given, message) =>
    expect(messageFor(factory, ...given)).toContain(message),
  )

  test('of any kind are rejected with a message', () => {
    const keys = [
      'limit',
      'retries',
      'interval',
      'tree',
      'path',
      'headers',
      'threshold',
      'command',
      'args',
      'env',
      'name',
      'timeout',
      '__proto__',
    ]
    const options = fc.oneof(fc.anything(), fc.dictionary(fc.constantFrom(...keys), fc.anything()))
    fc.assert(
      fc.property(fc.constantFrom(memory, responseTime, command), options, (factory, given) => {
        expect(messageFor(factory, given)).not.toBe('')
      }),
    )
  })

  test('are read once and not changed', () => {
    const headers = { host: 'a.example' }
    const args = ['-c', 'true']
    const given = { command: 'sh', args, env: { A: 1 } }
    const made = [command(given), responseTime({ headers })]
    args.push('more')
    headers.host = 'b.example'
    expect(given).toEqual({ command: 'sh', args: ['-c', 'true', 'more'], env: { A: 1 } })
    expect(made).toHaveLength(2)
  })
})
