import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { statementsOf } from '../../../src/nginx/conf/parser.ts'
import { HEADER, NO_SERVERS, renderFile, type Server, serverAt } from '../../../src/nginx/conf/render.ts'
import { runCommand } from '../../../src/nginx/control/command.ts'
import { bytesOf } from '../../../src/nginx/files/atomic-replace.ts'
import { realSys } from '../../../src/sys.ts'
import { newFolder } from '../../support/host.ts'
import { has } from '../../support/needs.ts'
import { configuration } from '../../support/nginx.ts'

/** What nginx says of an `http` block. */
async function verdict(http: string): Promise<string> {
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

const app = (servers: readonly Server[]): string => renderFile([{ name: 'app', directives: [], servers }])

/** The whole of what may stand in a file with children of any name. */
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

  test.runIf(has('nginx'))('in any number are text that nginx does not read', async () => {
    const sample = fc.sample(names, { numRuns: children, seed: 20 })
    expect(sample.length).toBe(children)
    const servers = sample.map((name, index) => ({
      name,
      text: serverAt({ host: '127.0.0.1', port: 1 + (index % 60_000) }, 'max_fails=0', name),
    }))
    for (let from = 0; from < children; from += 1_000) {
      const batch = servers.slice(from, from + 1_000)
      const text = app(batch)
      expect(text).toMatch(GRAMMAR)
      const [upstream, ...more] = statementsOf(bytesOf(text))
      expect(more).toEqual([])
      expect(upstream?.block?.statements).toHaveLength(1_000)
      expect(await verdict(bytesOf(text))).toContain('test is successful')
    }
  })

  test('fast-check finds none that would be read', () => {
    fc.assert(
      fc.property(names, (name) => {
        const text = app([{ name, text: 'server 127.0.0.1:1 max_fails=0;' }])
        expect(text).toMatch(GRAMMAR)
        expect(statementsOf(text)[0]?.block?.statements).toHaveLength(1)
      }),
      { numRuns: 2_000 },
    )
  })
})

describe('addresses', () => {
  const at = (socketPath: string): string => serverAt({ socketPath }, 'max_fails=0', 'a')

  test('of sockets and ports are written as nginx takes them', () => {
    expect(at('/run/a.sock')).toBe('server unix:/run/a.sock max_fails=0;')
    expect(serverAt({ host: '127.0.0.1', port: 80 }, '', 'a')).toBe('server 127.0.0.1:80;')
    expect(serverAt({ host: '::1', port: 80 }, 'weight=2', 'a')).toBe('server [::1]:80 weight=2;')
    expect(at('/run/a b.sock')).toBe('server "unix:/run/a b.sock" max_fails=0;')
  })

  test('that nginx could not reach are refused, with what to do', () => {
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
    expect(() => at(`/${'é'.repeat(54)}`)).toThrow('it has 109')
  })

  test.runIf(has('nginx'))('of any path are one argument to nginx, with the bytes of the path', async () => {
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
        const [directive, ...more] = statementsOf(bytesOf(text))
        expect(more).toEqual([])
        expect(directive?.words).toEqual(['server', bytesOf(`unix:${socketPath}`), 'max_fails=0'])
        texts.push(text)
      }),
      { numRuns: 2_000 },
    )
    for (const text of ['/a"b', "/a'b", '/a\\', '/a\\"', '/;{}#', '/$a', '/ ', '/a:b', '/~', '/$' + '{a}'])
      texts.push(at(text))
    expect(texts.length).toBeGreaterThan(500)
    const servers = texts.map((text) => ({ name: null, text }))
    expect(await verdict(bytesOf(app(servers)))).toContain('test is successful')
  })
})

test('a file holds a header, and each upstream with its directives', () => {
  const upstreams = [
    { name: 'a', directives: ['least_conn;', 'keepalive 4;'], servers: [NO_SERVERS] },
    { name: 'b', directives: [], servers: [{ text: 'server 127.0.0.1:2;', name: 'é"' }] },
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
  'H44: an upstream of which nobody is ready is accepted with every method of balancing',
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
      expect(await verdict(text), method).toContain('test is successful')
    }
  },
)
