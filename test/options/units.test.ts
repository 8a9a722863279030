import { expect, test } from 'vitest'
import { formatSize, parseSize } from '../../src/options/units.ts'

test.each([
  [0, 0],
  [1_000, 1_000],
  [1.4, 1],
  ['5B', 5],
  ['1k', 1_024],
  ['1KB', 1_024],
  ['1KiB', 1_024],
  ['100_000KB', 102_400_000],
  ['100MB', 104_857_600],
  ['100m', 104_857_600],
  ['1.5GiB', 1_610_612_736],
  [' 2 tb ', 2_199_023_255_552],
])('%j is %j bytes', (given, bytes) => expect(parseSize(given)).toBe(bytes))

test.each([
  '',
  '5',
  'MB',
  '-1MB',
  '1.5.5MB',
  '_1MB',
  '1 000MB',
  '1e3MB',
  '1MBs',
  '99999999TB',
  -1,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  1e300,
  null,
  undefined,
  {},
  ['1MB'],
  1n,
])('%s is not a size', (given) => expect(parseSize(given)).toBeUndefined())

test.each([
  [0, '0B'],
  [1_023, '1023B'],
  [102_400_000, '97.7MB'],
  [104_857_600, '100MB'],
  [1_610_612_736, '1.5GB'],
])('%j bytes are formatted as %j', (bytes, text) => expect(formatSize(bytes)).toBe(text))
