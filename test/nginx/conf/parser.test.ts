import { describe, expect, test } from 'vitest'
import { type Statement, statementsOf, Unreadable } from '../../../src/nginx/conf/parser.ts'

type Shown = (string | Shown)[]

/** Directives as arrays of their words; the last entry is the block, when there is one. */
const shape = (statements: readonly Statement[]): Shown =>
  statements.map(({ words, block }) => [...words, ...(block ? [shape(block.statements)] : [])])

const read = (text: string): Shown => shape(statementsOf(text))

function refusal(text: string): string {
  try {
    statementsOf(text)
    return 'none'
  } catch (thrown) {
    if (!(thrown instanceof Unreadable)) throw thrown
    return `${thrown.line}: ${thrown.message}`
  }
}

describe('a configuration is read as nginx reads it', () => {
  const cases: readonly [what: string, text: string, expected: Shown][] = [
    [
      'directives and blocks',
      'a b c; d { e; }',
      [
        ['a', 'b', 'c'],
        ['d', [['e']]],
      ],
    ],
    ['blocks in blocks, with arguments', 'x 1 { y { z 2; } }', [['x', '1', [['y', [['z', '2']]]]]]],
    ['comments, which hide signs', '# a { ;\nb; # } c;\n', [['b']]],
    ['no comment within a word', 'a b#c;', [['a', 'b#c']]],
    ['all four kinds of white space', 'a\tb\r\nc ;', [['a', 'b', 'c']]],
    ['no other white space', 'a\u00a0b\fc;', [['a\u00a0b\fc']]],
    ['quotes of both kinds, which hide signs', `a "b; {c}" 'd # "e"';`, [['a', 'b; {c}', 'd # "e"']]],
    ['quotes within quotes', String.raw`a "\"b\"" '\'c\'';`, [['a', '"b"', "'c'"]]],
    ['no quote within a word', `a b"c d"e;`, [['a', 'b"c', 'd"e']]],
    [
      'escaped signs',
      String.raw`a b\;c d\ e \{;`,
      [['a', String.raw`b\;c`, String.raw`d\ e`, String.raw`\{`]],
    ],
    ['escapes for controls', String.raw`a "b\tc\nd\q";`, [['a', 'b\tc\nd\\q']]],
    ['variables in brackets', 'a $' + '{b} c$' + '{d}e;', [['a', '$' + '{b}', 'c$' + '{d}e']]],
    [
      'an escaped dollar, after which a bracket opens a block',
      String.raw`a \${ b; }`,
      [['a', String.raw`\$`, [['b']]]],
    ],
    ['a closing bracket within a word', 'a b} c;', [['a', 'b}', 'c']]],
    ['a word that begins with the bracket after a quote', `if ("a") { b; }`, [['if', '("a")', [['b']]]]],
    ['a round bracket right after a quote', `a "b")c;`, [['a', 'b', ')c']]],
    ['a semicolon right after a quote', `a "b";`, [['a', 'b']]],
    [
      'regular expressions with brackets in quotes',
      `location ~ "^/a{2}" { b; }`,
      [['location', '~', '^/a{2}', [['b']]]],
    ],
    ['bytes that mean nothing', '\u00ef\u00bb\u00bfa \0;', [['\u00ef\u00bb\u00bfa', '\0']]],
    ['nothing', ' # a', []],
  ]
  for (const [what, text, expected] of cases) test(what, () => expect(read(text)).toEqual(expected))

  test('with the place of each directive', () => {
    const text = '\n a {\n  b "c"; # d\n}\ne;'
    const [a, e] = statementsOf(text)
    const b = a?.block?.statements[0]
    expect(text.slice(a?.start, a?.end)).toBe('a {\n  b "c"; # d\n}')
    expect(text.slice(b?.start, b?.end)).toBe('b "c";')
    expect(text.slice(a?.block?.open)).toMatch(/^\n {2}b/)
    expect([a?.line, b?.line, e?.line]).toEqual([2, 3, 5])
  })
})

describe('what nginx could not read is refused with its line', () => {
  const cases: readonly [text: string, refusal: string][] = [
    ['a;\nb {\nc;\n', '2: the block "b" is never closed'],
    ['a;\nb c', '2: the directive "b" does not end'],
    ['a {\nb }', '2: the directive "b" does not end'],
    ['a {\nb \n }', '2: the directive "b" does not end'],
    ['\n}', '2: a } has nothing to close'],
    ['a;\n;', '2: a ; has no directive before it'],
    ['\n{ a; }', '2: a { has no directive before it'],
    ['a\n"b', '2: a quote (") is never closed'],
    ["a 'b\\';", "1: a quote (') is never closed"],
    ['a "b"c;', '1: a space is missing after the quoted "\\"b\\""'],
    ['a b\\', '1: it ends with \\'],
    ["a;\nx_by_lua_block { it's }", '2: "x_by_lua_block" holds Lua, which is not read here'],
  ]
  for (const [text, expected] of cases) test(JSON.stringify(text), () => expect(refusal(text)).toBe(expected))

  test('blocks in blocks without end, in any number', () => {
    expect(refusal('a {'.repeat(100_000))).toBe('1: blocks are nested more than 100 deep')
  })

  test('much of any one sign is read or refused, and not for long', () => {
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
      expect(() => refusal(sign.repeat(200_000 / sign.length))).not.toThrow()
  })
})
