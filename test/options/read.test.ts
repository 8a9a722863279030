import { describe, expect, test } from 'vitest'
import { integerFrom, seconds, string } from '../../src/options/parsers.ts'
import {
  type OptionSpec,
  option,
  readOptions,
  readWithDefaults,
  required,
  SECONDS,
} from '../../src/options/read.ts'

interface Settings {
  readonly path: string
  readonly limit: number
  readonly interval: number
  readonly made: readonly string[]
}

const ROWS: Readonly<Record<keyof Settings, OptionSpec>> = {
  path: required(string, 'a non-empty string'),
  limit: option(integerFrom(1), 'an integer >= 1', 3),
  interval: option(seconds(0.001), `more than 0 ${SECONDS}`, 5),
  made: option(string, 'a string', () => []),
}

const messageFor = (given: unknown, caller?: string): string => {
  try {
    readWithDefaults<Settings>(given, ROWS, caller === undefined ? {} : { caller })
  } catch (thrown) {
    expect(thrown).toMatchObject({ name: 'SpinnerError', code: 'ERR_SPINNER_INVALID_OPTION' })
    return (thrown as Error).message
  }
  throw new Error('the options were accepted')
}

describe('options that are read by a table', () => {
  test('are complete and frozen, and a function as default is called each time', () => {
    const read = (): Settings => readWithDefaults<Settings>({ path: 'a', interval: '2m' }, ROWS)
    expect(read()).toEqual({ path: 'a', limit: 3, interval: 120, made: [] })
    expect(read()).toSatisfy(Object.isFrozen)
    expect(read().made).not.toBe(read().made)
  })

  test('contain only the given ones without the defaults', () => {
    expect(readOptions({ path: 'a', limit: undefined }, ROWS)).toEqual({ path: 'a' })
  })

  test('are rejected with one message that names the function and everything that is wrong', () => {
    expect(messageFor({ limit: 0, intervall: 1, zzzzz: 1 }, 'memory()')).toBe(
      'memory(): `limit` must be an integer >= 1, but it is 0. `intervall` is not an option; did you mean `interval`? `zzzzz` is not an option. `path` is missing: pass a non-empty string.',
    )
  })

  test('that are required and absent or undefined are reported once', () => {
    const message = '`path` is missing: pass a non-empty string.'
    expect(messageFor({})).toBe(message)
    expect(messageFor({ path: undefined })).toBe(message)
    expect(messageFor({ path: '' })).toBe('`path` must be a non-empty string, but it is "".')
  })

  test('that belong to another call are reported by `belongsTo`', () => {
    const belongsTo = (key: string): string | undefined => (key === 'size' ? '`size` is a pool’s' : undefined)
    expect(() => readOptions({ size: 1, other: 2, path: 'a' }, ROWS, { belongsTo })).toThrow(
      '`size` is a pool’s. `other` is not an option.',
    )
  })

  test.each([undefined, null, 'a', 5, [], () => {}, Symbol('x')])('cannot be %s', (given) => {
    expect(messageFor(given, 'pool()')).toMatch(/^pool\(\): `options` must be an object, but it is /)
  })

  test('that throw when they are read are rejected with the message of the error', () => {
    const given = Object.defineProperty({}, 'path', {
      enumerable: true,
      get: () => {
        throw new Error('boom')
      },
    })
    expect(messageFor(given, 'pool()')).toBe('pool(): `options` cannot be read: boom.')
  })
})
