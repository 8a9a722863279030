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
  path: required(string, 'a text that is not empty'),
  limit: option(integerFrom(1), 'a whole number from 1', 3),
  interval: option(seconds(0.001), `more than 0 ${SECONDS}`, 5),
  made: option(string, 'a text', () => []),
}

const messageFor = (given: unknown, by?: string): string => {
  try {
    readWithDefaults<Settings>(given, ROWS, by === undefined ? {} : { by })
  } catch (thrown) {
    expect(thrown).toMatchObject({ name: 'SpinnerError', code: 'ERR_SPINNER_INVALID_OPTION' })
    return (thrown as Error).message
  }
  throw new Error('it was taken')
}

describe('options that are read with a table', () => {
  test('are complete and frozen, and a default that is made is made each time', () => {
    const read = (): Settings => readWithDefaults<Settings>({ path: 'a', interval: '2m' }, ROWS)
    expect(read()).toEqual({ path: 'a', limit: 3, interval: 120, made: [] })
    expect(read()).toSatisfy(Object.isFrozen)
    expect(read().made).not.toBe(read().made)
  })

  test('without their defaults are only those that were given', () => {
    expect(readOptions({ path: 'a', limit: undefined }, ROWS)).toEqual({ path: 'a' })
  })

  test('are refused with all that is wrong, in one message that names the function', () => {
    expect(messageFor({ limit: 0, intervall: 1, zzzzz: 1 }, 'memory()')).toBe(
      'memory(): `limit` must be a whole number from 1, but it is 0. `intervall` is not an option; did you mean `interval`? `zzzzz` is not an option. `path` is missing: give a text that is not empty.',
    )
  })

  test('that must be given are missed, be they undefined or absent, and said to be wrong only once', () => {
    const missed = '`path` is missing: give a text that is not empty.'
    expect(messageFor({})).toBe(missed)
    expect(messageFor({ path: undefined })).toBe(missed)
    expect(messageFor({ path: '' })).toBe('`path` must be a text that is not empty, but it is "".')
  })

  test('may know of a name that it is on another table', () => {
    const elsewhere = (key: string): string | undefined => (key === 'size' ? '`size` is a pool’s' : undefined)
    expect(() => readOptions({ size: 1, other: 2, path: 'a' }, ROWS, { elsewhere })).toThrow(
      '`size` is a pool’s. `other` is not an option.',
    )
  })

  test.each([undefined, null, 'a', 5, [], () => {}, Symbol('x')])('cannot be %s', (given) => {
    expect(messageFor(given, 'pool()')).toMatch(/^pool\(\): `options` must be an object, but it is /)
  })

  test('that throw when they are looked at are refused with what they threw', () => {
    const given = Object.defineProperty({}, 'path', {
      enumerable: true,
      get: () => {
        throw new Error('boom')
      },
    })
    expect(messageFor(given, 'pool()')).toBe('pool(): `options` could not be read: boom.')
  })
})
