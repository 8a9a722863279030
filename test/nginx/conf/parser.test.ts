import { describe, expect, test } from 'vitest'
import { NginxConfError, parseConf, type Statement } from '../../../src/nginx/conf/parser.ts'

type Parsed = (string | Parsed)[]

/** Returns directives as arrays of their words. The last item is the block, if there is one. */
const wordsOf = (statements: readonly Statement[]): Parsed =>
  statements.map(({ words, block }) => [...words, ...(block ? [wordsOf(block.statements)] : [])])

const parsed = (text: string): Parsed => wordsOf(parseConf(text))

/** Returns the line and the message of the error for a text, or 'none'. */
function errorOf(text: string): string {
  try {
    parseConf(text)
    return 'none'
  } catch (thrown) {
    if (!(thrown instanceof NginxConfError)) throw thrown
    return `${thrown.line}: ${thrown.message}`
  }
}

describe('a configuration is parsed as nginx parses it', () => {
  const cases: readonly [what: string, text: string, expected: Parsed][] = [
    [
      'directives and blocks',
      'a b c; d { e; }',
      [
        ['a', 'b', 'c'],
        ['d', [['e']]],
      ],
    ],
    ['blocks in blocks, with arguments', 'x 1 { y { z 2; } }', [['x', '1', [['y', [['z', '2']]]]]]],
    ['comments, which hide punctuation', '# a { ;\nb; # } c;\n', [['b']]],
    ['a # within a word, which begins no comment', 'a b#c;', [['a', 'b#c']]],
    ['all four kinds of white space', 'a\tb\r\nc ;', [['a', 'b', 'c']]],
    ['other white space as a part of a word', 'a\u00a0b\fc;', [['a\u00a0b\fc']]],
    ['quotes of both kinds, which hide punctuation', `a "b; {c}" 'd # "e"';`, [['a', 'b; {c}', 'd # "e"']]],
    ['quotes within quotes', String.raw`a "\"b\"" '\'c\'';`, [['a', '"b"', "'c'"]]],
    ['a quote within a word, which begins no quoted text', `a b"c d"e;`, [['a', 'b"c', 'd"e']]],
    [
      'escaped punctuation',
      String.raw`a b\;c d\ e \{;`,
      [['a', String.raw`b\;c`, String.raw`d\ e`, String.raw`\{`]],
    ],
    ['escapes for control characters', String.raw`a "b\tc\nd\q";`, [['a', 'b\tc\nd\\q']]],
    ['variables in braces', 'a $' + '{b} c$' + '{d}e;', [['a', '$' + '{b}', 'c$' + '{d}e']]],
    [
      'an escaped dollar sign, after which a brace opens a block',
      String.raw`a \${ b; }`,
      [['a', String.raw`\$`, [['b']]]],
    ],
    ['a closing brace within a word', 'a b} c;', [['a', 'b}', 'c']]],
    ['parentheses around a quoted text', `if ("a") { b; }`, [['if', '("a")', [['b']]]]],
    ['a closing parenthesis directly after a quote', `a "b")c;`, [['a', 'b', ')c']]],
    ['a semicolon directly after a quote', `a "b";`, [['a', 'b']]],
    [
      'regular expressions with braces in quotes',
      `location ~ "^/a{2}" { b; }`,
      [['location', '~', '^/a{2}', [['b']]]],
    ],
    ['bytes without a meaning', '\u00ef\u00bb\u00bfa \0;', [['\u00ef\u00bb\u00bfa', '\0']]],
    ['nothing', ' # a', []],
  ]
  for (const [what, text, expected] of cases) test(what, () => expect(parsed(text)).toEqual(expected))

  test('with the position of each directive', () => {
    const text = '\n a {\n  b "c"; # d\n}\ne;'
    const [a, e] = parseConf(text)
    const b = a?.block?.statements[0]
    expect(text.slice(a?.start, a?.end)).toBe('a {\n  b "c"; # d\n}')
    expect(text.slice(b?.start, b?.end)).toBe('b "c";')
    expect(text.slice(a?.block?.open)).toMatch(/^\n {2}b/)
    expect([a?.line, b?.line, e?.line]).toEqual([2, 3, 5])
  })
})

describe('what nginx could not parse is an error with its line', () => {
  const cases: readonly [text: string, error: string][] = [
    ['a;\nb {\nc;\n', '2: the block "b" is never closed'],
    ['a;\nb c', '2: the directive "b" is not terminated'],
    ['a {\nb }', '2: the directive "b" is not terminated'],
    ['a {\nb \n }', '2: the directive "b" is not terminated'],
    ['\n}', '2: this } closes no block'],
    ['a;\n;', '2: no directive comes before this ;'],
    ['\n{ a; }', '2: no directive comes before this {'],
    ['a\n"b', '2: a quote (") is never closed'],
    ["a 'b\\';", "1: a quote (') is never closed"],
    ['a "b"c;', '1: a space is missing after the quoted "\\"b\\""'],
    ['a b\\', '1: the text ends with a backslash'],
    ["a;\nx_by_lua_block { it's }", '2: "x_by_lua_block" contains Lua, which spinner cannot parse'],
  ]
  for (const [text, expected] of cases) test(JSON.stringify(text), () => expect(errorOf(text)).toBe(expected))

  test('any number of blocks in blocks that are never closed', () => {
    expect(errorOf('a {'.repeat(100_000))).toBe('1: blocks are nested more than 100 levels deep')
  })

  test('many repetitions of one character are parsed or rejected quickly', () => {
    for (const sign of [
      'a',
      ' ',
      '\n',
      '#',
      '"',
      "'",
      '\\',
      '$',
      ';',
      '{',
      '}',
      '# \n',
      '$' + '{',
      'a;',
      '"" ',
    ])
      expect(() => errorOf(sign.repeat(200_000 / sign.length))).not.toThrow()
  })
})
