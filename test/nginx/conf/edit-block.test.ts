import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { findBlock, rewriteBlock } from '../../../src/nginx/conf/edit-block.ts'
import { NginxConfError } from '../../../src/nginx/conf/parser.ts'

const A = 'server 127.0.0.1:1001;'
const B = 'server 127.0.0.1:1002;'
const C = 'server unix:/run/c.sock max_fails=0;'

/** Returns the line and the message of the error for a text, or 'none'. */
function errorOf(text: string, upstream = 'app'): string {
  try {
    rewriteBlock(text, upstream, [A])
    return 'none'
  } catch (thrown) {
    if (!(thrown instanceof NginxConfError)) throw thrown
    return `${thrown.line}: ${thrown.message}`
  }
}

const CONF = `user www-data; # not root
http {
  upstream other { server 10.0.0.1; }
  upstream app {
    least_conn;
    server 127.0.0.1:8002; # the first
    # server 127.0.0.1:9999;
    server 127.0.0.1:8003 weight=2;
    keepalive 16;
  }
  server { listen 80; location / { proxy_pass http://app; } }
}
`

describe('only the `server` lines of the block change', () => {
  test('each new line replaces an old one', () => {
    expect(rewriteBlock(CONF, 'app', [A, B])).toBe(
      CONF.replace('server 127.0.0.1:8002;', A).replace('server 127.0.0.1:8003 weight=2;', B),
    )
  })

  test('surplus directives are removed with their lines, and comments stay', () => {
    expect(rewriteBlock(CONF, 'app', [A])).toBe(
      CONF.replace('server 127.0.0.1:8002;', A).replace('    server 127.0.0.1:8003 weight=2;\n', ''),
    )
    const noted = CONF.replace('weight=2;', 'weight=2; # the second')
    expect(rewriteBlock(noted, 'app', [A])).toContain('\n     # the second\n')
  })

  test('additional directives follow the last one, with its indentation', () => {
    expect(rewriteBlock(CONF, 'app', [A, B, C])).toBe(
      CONF.replace('server 127.0.0.1:8002;', A).replace('server 127.0.0.1:8003 weight=2;', `${B}\n    ${C}`),
    )
  })

  test('removing servers and adding them again restores every byte', () => {
    const full = rewriteBlock(CONF.replace(/^.*9999;\n/m, ''), 'app', [A, B, C])
    for (const some of [[A], [B], [C], [A, C], [B, C], ['server 127.0.0.1:1 down;']])
      expect(rewriteBlock(rewriteBlock(full, 'app', some), 'app', [A, B, C])).toBe(full)
  })

  test('a directive that already means the same stays as it is written', () => {
    const text = `upstream app {\n\tserver   "127.0.0.1:1001"\n  ;\n}`
    expect(rewriteBlock(text, 'app', [A])).toBe(text)
  })

  test('line breaks stay the same, CRLF too', () => {
    const text = CONF.replaceAll('\n', '\r\n')
    expect(rewriteBlock(text, 'app', [A, B, C])).toBe(
      rewriteBlock(CONF, 'app', [A, B, C]).replaceAll('\n', '\r\n'),
    )
    expect(rewriteBlock(text, 'app', [A])).toBe(rewriteBlock(CONF, 'app', [A]).replaceAll('\n', '\r\n'))
  })

  const layouts: readonly [what: string, before: string, after: string][] = [
    ['on one line', 'upstream app { server 1; server 2; } x;', `upstream app { ${A} ${B}\n    ${C} } x;`],
    ['that is empty', 'upstream app {}', `upstream app {\n    ${A}\n    ${B}\n    ${C}}`],
    [
      'without a server',
      '  upstream app {\n\tip_hash;\n  }',
      `  upstream app {\n\t${A}\n\t${B}\n\t${C}\n\tip_hash;\n  }`,
    ],
    [
      'with a comment after its brace',
      'upstream app { # a\n}',
      `upstream app {\n    ${A}\n    ${B}\n    ${C} # a\n}`,
    ],
    [
      'with a comment after its last server',
      'upstream app {\n server 1; # a }\n}',
      `upstream app {\n ${A} # a }\n ${B}\n ${C}\n}`,
    ],
    ['over many lines', 'upstream\napp\n{\nserver\n1\n;}', `upstream\napp\n{\n${A}\n${B}\n${C}}`],
    ['whose name is quoted', `upstream "app"{server 1;}`, `upstream "app"{${A}\n    ${B}\n    ${C}}`],
  ]
  for (const [what, before, after] of layouts)
    test(`of a block ${what}`, () => expect(rewriteBlock(before, 'app', [A, B, C])).toBe(after))
})

describe('a block is found, or the error says why not', () => {
  test('at the top level, for files that are included', () => {
    expect(findBlock(`\n\nupstream app { ${A} }`, 'app').statement.line).toBe(3)
  })

  test('but not in comments, quotes or other blocks, and not with a longer name', () => {
    const text = `# upstream app { }
log_format x 'upstream app { server 1; }';
stream { upstream app { server 1; } }
http { server { upstream app { server 1; } } upstream app2 { server 1; } }
`
    expect(errorOf(text)).toBe("5: no block 'upstream app' up to this line")
  })

  test('but not if there are two', () => {
    expect(errorOf(`http {\nupstream app { }\n}\nhttp { \n upstream "app" { server 1; } }`)).toBe(
      "5: a second block 'upstream app'; the first is in line 2",
    )
  })

  test('but not in a text that cannot be parsed, even after the block', () => {
    expect(errorOf(`${CONF}}`)).toBe('13: this } closes no block')
    expect(errorOf(CONF.slice(0, -3))).toBe('2: the block "http" is never closed')
  })
})

/** Valid texts with a block, in every layout. */
const blockTexts = fc
  .record({
    before: fc.constantFrom('', 'user a;\n', '# }\n', '\u00ef\u00bb\u00bfx;\r\n', 'map $a $b { "}" 1; }\n'),
    after: fc.constantFrom('', '\n', ' y;', '\n# upstream app {', '\r\nserver { listen 1; }\r\n'),
    eol: fc.constantFrom('\n', '\r\n', ' '),
    items: fc.array(
      fc.constantFrom(
        'server 1;',
        'server 127.0.0.1:1001;',
        '  server a b=c;',
        '\tserver\t"x;";',
        'keepalive 8;',
        'least_conn ;',
        'hash "}{;";',
      ),
      { maxLength: 8 },
    ),
    comments: fc.array(fc.constantFrom('', '# }', '#server 1;', ' # "'), { maxLength: 8 }),
  })
  .map(({ before, after, eol, items, comments }) => {
    const lines = items.map((item, index) => {
      const comment = comments[index] ?? ''
      return `${item}${comment === '' ? '' : `${comment}${eol === ' ' ? '\n' : ''}`}`
    })
    return `${before}upstream app {${eol}${lines.join(eol)}${eol}}${after}`
  })

const lists = fc.uniqueArray(fc.constantFrom(A, B, C, 'server 127.0.0.1:1 down;', 'server "unix:/a b";'), {
  minLength: 1,
})

const wordsIn = (text: string): { servers: string[]; others: string[] } => {
  const { block } = findBlock(text, 'app')
  const lines = block.statements.map(({ words }) => words.join(' '))
  return {
    servers: lines.filter((line) => line.startsWith('server ')),
    others: lines.filter((line) => !line.startsWith('server ')),
  }
}

/** Returns a text without the servers of the block, and without white space, which is removed with whole lines. */
const restOf = (text: string): string => {
  const { block } = findBlock(text, 'app')
  const servers = block.statements.filter(({ words }) => words[0] === 'server')
  const rest = [...servers]
    .reverse()
    .reduce((left, { start, end }) => left.slice(0, start) + left.slice(end), text)
  return rest.replace(/\s/g, '')
}

test('in any block, any list of servers replaces any other, and nothing else changes', () => {
  fc.assert(
    fc.property(blockTexts, lists, lists, (text, first, second) => {
      const once = rewriteBlock(text, 'app', first)
      expect(wordsIn(once).servers).toEqual(first.map((line) => line.slice(0, -1).replaceAll('"', '')))
      expect(wordsIn(once).others).toEqual(wordsIn(text).others)
      expect(restOf(once)).toBe(restOf(text))
      expect(rewriteBlock(once, 'app', first)).toBe(once)
      const there = rewriteBlock(once, 'app', second)
      expect(wordsIn(there).servers).toHaveLength(second.length)
      expect(restOf(there)).toBe(restOf(text))
    }),
    { numRuns: 2_000 },
  )
})
