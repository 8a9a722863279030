import { describe, expect, test } from 'vitest'
import { rubyValue } from '../../../src/cli/commands/import/ruby-yaml.ts'
import { ScalarNode } from '../../../src/cli/config/nodes.ts'
import { Ambiguous, booleanOf, isNull, numberOf, stringOf } from '../../../src/cli/config/scalars.ts'
import { INVALID } from '../../../src/options/parsers.ts'

const plain = (text: string): ScalarNode => new ScalarNode(text, true, 0)
const quoted = (text: string): ScalarNode => new ScalarNode(text, false, 0)

describe('a scalar of spinner.yml', () => {
  test.each([
    ['8080', 8080],
    ['08080', 8080],
    ['100_000', 100_000],
    ['1_0', 10],
    ['0', 0],
    ['00', 0],
    ['-1', -1],
    ['0.25', 0.25],
    ['1e3', 1000],
    ['0x1F', 31],
    ['0o17', 15],
    ['0b101', 5],
  ])('%s is the number %d where a number is wanted', (text, number) => {
    expect(numberOf(plain(text))).toBe(number)
  })

  test('of digits in quotes is a number too', () => {
    expect(numberOf(quoted('8080'))).toBe(8080)
    expect(numberOf(quoted('08080'))).toBe(8080)
  })

  test.each(['100,000', '1_', '_1', '1.', '.5', 'x1', '0x', '1 2', '', '30s', '½'])(
    '%s is not a number',
    (text) => {
      expect(numberOf(plain(text))).toBeUndefined()
    },
  )

  test.each(['0100', '0_17', '-010', '1:30', '12:30:45'])(
    '%s is ambiguous, because YAML 1.1 and 1.2 read it differently',
    (text) => {
      expect(numberOf(plain(text))).toBeInstanceOf(Ambiguous)
    },
  )

  test('that is ambiguous is reported with both readings', () => {
    expect(numberOf(plain('0100'))).toEqual(
      new Ambiguous("'0100' is 64 in YAML 1.1 and 100 in YAML 1.2; write 100 or 64", [100, 64]),
    )
  })

  test.each(['yes', 'Yes', 'on', 'TRUE', 'true'])('%s is true, and a string in quotes', (text) => {
    expect(booleanOf(plain(text))).toBe(true)
    expect(booleanOf(quoted(text))).toBeUndefined()
  })

  test.each(['no', 'No', 'off', 'FALSE'])('%s is false', (text) => {
    expect(booleanOf(plain(text))).toBe(false)
  })

  test('is null if it is empty, `~` or `null` without quotes', () => {
    for (const text of ['', '~', 'null', 'Null', 'NULL']) {
      expect(isNull(plain(text))).toBe(true)
      expect(isNull(quoted(text))).toBe(false)
      expect(stringOf(plain(text))).toBe(INVALID)
    }
  })

  test('keeps its text as a string', () => {
    for (const text of ['08080', '1.10', 'yes', '0100', '1:30', '100_000'])
      expect(stringOf(plain(text))).toBe(text)
  })
})

describe("a scalar of phantom-manager's configuration", () => {
  test.each([
    ['100_000', 100_000],
    ['100,000', 100_000],
    ['0100', 64],
    ['08080', 8080],
    ['0x1F', 31],
    ['0b101', 5],
    ['-0100', -64],
    ['+5', 5],
    ['1:30', 5400],
    ['1:30:15', 5415],
    ['0.5', 0.5],
    ['1_000.5', 1000.5],
    ['1.5e+3', 1500],
    ['1e3', '1e3'],
    ['yes', true],
    ['oFF', false],
    ['~', null],
    ['', null],
    ['1.2.3', '1.2.3'],
    ['phantomjs rndrme.js', 'phantomjs rndrme.js'],
  ])('%s is what Ruby made of it', (text, value) => {
    expect(rubyValue(plain(text))).toBe(value)
  })

  test('in quotes is a string, or a number if it consists of digits', () => {
    expect(rubyValue(quoted('yes'))).toBe('yes')
    expect(rubyValue(quoted('0100'))).toBe(100)
    expect(rubyValue(quoted('100_000'))).toBe('100_000')
  })
})
