import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseConf } from '../../../src/nginx/conf/parser.ts'
import {
  HEADER,
  NO_SERVERS,
  renderFile,
  type ServerLine,
  serverDirective,
} from '../../../src/nginx/conf/render.ts'
import { runCommand } from '../../../src/nginx/control/command.ts'
import { bytesOf } from '../../../src/nginx/files/atomic-replace.ts'
import { realSys } from '../../../src/sys.ts'
import { newFolder } from '../../support/host.ts'
import { has } from '../../support/needs.ts'
import { configuration } from '../../support/nginx.ts'

/** Returns the output of `nginx -t` for an `http` block. */
async function testOutput(http: string): Promise<string> {
  const folder = newFolder()
  mkdirSync(path.join(folder, 'temp'))
  writeFileSync(path.join(folder, 'nginx.conf'), configuration(http), 'latin1')
  const { text } = await runCommand(
    realSys,
    ['nginx', '-p', folder, '-e', 'stderr', '-t', '-c', 'nginx.conf'],
    30,
  )
  return text
}

const app = (servers: readonly ServerLine[]): string => renderFile([{ name: 'app', directives: [], servers }])

/** Everything that a file may contain, whatever the names of the children are. */
const GRAMMAR = new RegExp(
  `^${HEADER}\nupstream app \\{\n(?: {4}server 127\\.0\\.0\\.1:\\d+ max_fails=0; # "(?:[ !%-:<-\\[\\]-z|~&]|\\\\u[0-9a-f]{4})*"\n)*\\}\n$`,
)

describe('H43: names of children', () => {
  const names = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string({ unit: 'grapheme' }),
    fc.string({
      unit: fc.constantFrom(
        '\n',
        '\r',
        '#',
        '{',
        '}',
        ';',
        '"',
        "'",
        '\\',
        '$',
        ' ',
        'a',
        '\0',
        '\u2028',
        '\ud800',
      ),
    }),
    fc.string({ minLength: 90, maxLength: 5_000 }),
    fc.constantFrom(
      'a\n}\nserver { root /; }',
      '"; } server { listen 1; root /; } #',
      '\r\nevil;',
      'x'.repeat(10_000),
      '#\n'.repeat(5_000),
      `$${'{evil}'}`,
    ),
  )
  const children = 10_000

  test.runIf(has('nginx'))('are comments that nginx does not read, for 10,000 of them', async () => {
    const sample = fc.sample(names, { numRuns: children, seed: 20 })
    expect(sample.length).toBe(children)
    const servers = sample.map((name, index) => ({
      child: name,
      text: serverDirective({ host: '127.0.0.1', port: 1 + (index % 60_000) }, 'max_fails=0', name),
    }))
    for (let from = 0; from < children; from += 1_000) {
      const batch = servers.slice(from, from + 1_000)
      const text = app(batch)
      expect(text).toMatch(GRAMMAR)
      const [upstream, ...more] = parseConf(bytesOf(text))
      expect(more).toEqual([])
      expect(upstream?.block?.statements).toHaveLength(1_000)
      expect(await testOutput(bytesOf(text))).toContain('test is successful')
    }
  })

  test('of any characters are comments', () => {
    fc.assert(
      fc.property(names, (name) => {
        const text = app([{ child: name, text: 'server 127.0.0.1:1 max_fails=0;' }])
        expect(text).toMatch(GRAMMAR)
        expect(parseConf(text)[0]?.block?.statements).toHaveLength(1)
      }),
      { numRuns: 2_000 },
    )
  })
})

describe('addresses', () => {
  const at = (socketPath: string): string => serverDirective({ socketPath }, 'max_fails=0', 'a')

  test('of sockets and ports are written in the form of nginx', () => {
    expect(at('/run/a.sock')).toBe('server unix:/run/a.sock max_fails=0;')
    expect(serverDirective({ host: '127.0.0.1', port: 80 }, '', 'a')).toBe('server 127.0.0.1:80;')
    expect(serverDirective({ host: '::1', port: 80 }, 'weight=2', 'a')).toBe('server [::1]:80 weight=2;')
    expect(at('/run/a b.sock')).toBe('server "unix:/run/a b.sock" max_fails=0;')
  })

  test('that nginx cannot reach are errors with a remedy', () => {
    for (const path of [
      'run/a',
      String.raw`\\.\pipe\a`,
      `/${'a'.repeat(107)}`,
      '/a\nb',
      '/a\0',
      '',
      '/a\u007f',
    ]) {
      expect(() => at(path), path).toThrow(
        expect.objectContaining({
          code: 'ERR_SPINNER_INVALID_OPTION',
          child: 'a',
          message: expect.stringContaining("`listen: 'port'`"),
        }),
      )
    }
    expect(() => at(`/${'é'.repeat(53)}`)).not.toThrow()
    expect(() => at(`/${'é'.repeat(54)}`)).toThrow('(109 bytes)')
  })

  test.runIf(has('nginx'))(
    'of any path are one argument of the directive, with the bytes of the path',
    async () => {
      const paths = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 25 }).map((name) => `/${name}`)
      const texts: string[] = []
      fc.assert(
        fc.property(paths, (socketPath) => {
          let text = ''
          try {
            text = at(socketPath)
          } catch {
            return
          }
          const [directive, ...more] = parseConf(bytesOf(text))
          expect(more).toEqual([])
          expect(directive?.words).toEqual(['server', bytesOf(`unix:${socketPath}`), 'max_fails=0'])
          texts.push(text)
        }),
        { numRuns: 2_000 },
      )
      for (const text of ['/a"b', "/a'b", '/a\\', '/a\\"', '/;{}#', '/$a', '/ ', '/a:b', '/~', '/$' + '{a}'])
        texts.push(at(text))
      expect(texts.length).toBeGreaterThan(500)
      const servers = texts.map((text) => ({ child: null, text }))
      expect(await testOutput(bytesOf(app(servers)))).toContain('test is successful')
    },
  )
})

test('a file contains a header, and each upstream with its directives', () => {
  const upstreams = [
    { name: 'a', directives: ['least_conn;', 'keepalive 4;'], servers: [NO_SERVERS] },
    { name: 'b', directives: [], servers: [{ text: 'server 127.0.0.1:2;', child: 'é"' }] },
  ]
  expect(renderFile(upstreams)).toBe(`${HEADER}
upstream a {
    least_conn;
    keepalive 4;
    server 127.0.0.1:1 down;
}
upstream b {
    server 127.0.0.1:2; # "\\u00e9\\u0022"
}
`)
})

test.runIf(has('nginx'))(
  'H44: nginx accepts an upstream without a ready child, with every method of balancing',
  async () => {
    for (const method of [
      '',
      'least_conn;',
      'ip_hash;',
      'hash $uri consistent;',
      'random two;',
      'keepalive 4;',
      'zone a 64k;',
    ]) {
      const text = renderFile([
        { name: 'app', directives: method === '' ? [] : [method], servers: [NO_SERVERS] },
      ])
      expect(await testOutput(text), method).toContain('test is successful')
    }
  },
)
