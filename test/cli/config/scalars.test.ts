import { describe, expect, test } from 'vitest'
import { rubyValue } from '../../../src/cli/commands/import/ruby-yaml.ts'
import { ScalarNode } from '../../../src/cli/config/nodes.ts'
import { Ambiguous, flagOf, isNothing, numberOf, textOf } from '../../../src/cli/config/scalars.ts'
import { INVALID } from '../../../src/options/parsers.ts'

const plain = (text: string): ScalarNode => new ScalarNode(text, true, 0)
const quoted = (text: string): ScalarNode => new ScalarNode(text, false, 0)

describe('a word of spinner.yml', () => {
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

  test('of digits in quotes is the same number', () => {
    expect(numberOf(quoted('8080'))).toBe(8080)
    expect(numberOf(quoted('08080'))).toBe(8080)
  })

  test.each(['100,000', '1_', '_1', '1.', '.5', 'x1', '0x', '1 2', '', '30s', '½'])(
    '%s is no number',
    (text) => {
      expect(numberOf(plain(text))).toBeUndefined()
    },
  )

  test.each(['0100', '0_17', '-010', '1:30', '12:30:45'])(
    '%s is refused, since it can be read in two ways',
    (text) => {
      expect(numberOf(plain(text))).toBeInstanceOf(Ambiguous)
    },
  )

  test('that is refused is told of with both readings', () => {
    expect(numberOf(plain('0100'))).toEqual(
      new Ambiguous("'0100' is 64 in YAML 1.1 and 100 in YAML 1.2; write 100 or 64"),
    )
  })

  test.each(['yes', 'Yes', 'on', 'TRUE', 'true'])(
    '%s is true where a flag is wanted, and a text in quotes',
    (text) => {
      expect(flagOf(plain(text))).toBe(true)
      expect(flagOf(quoted(text))).toBeUndefined()
    },
  )

  test.each(['no', 'No', 'off', 'FALSE'])('%s is false where a flag is wanted', (text) => {
    expect(flagOf(plain(text))).toBe(false)
  })

  test('is nothing when it says so, and not when it is in quotes', () => {
    for (const text of ['', '~', 'null', 'Null', 'NULL']) {
      expect(isNothing(plain(text))).toBe(true)
      expect(isNothing(quoted(text))).toBe(false)
      expect(textOf(plain(text))).toBe(INVALID)
    }
  })

  test('keeps its text where a text is wanted', () => {
    for (const text of ['08080', '1.10', 'yes', '0100', '1:30', '100_000'])
      expect(textOf(plain(text))).toBe(text)
  })
})

describe("a word of phantom-manager's configuration", () => {
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

  test('in quotes is a text, or a number when it is of digits only', () => {
    expect(rubyValue(quoted('yes'))).toBe('yes')
    expect(rubyValue(quoted('0100'))).toBe(100)
    expect(rubyValue(quoted('100_000'))).toBe('100_000')
  })
})
