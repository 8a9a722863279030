import { writeFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { bytesOf } from '../../../src/nginx/files/atomic-replace.ts'
import { type NginxOptions, nginx } from '../../../src/nginx/index.ts'
import { get, newSpinner, until } from '../../support/host.ts'
import { has } from '../../support/needs.ts'
import type { Nginx } from '../../support/nginx.ts'
import { errorsOf, hello, newBlockSite, optionsFor, readText } from '../site.ts'

const BLOCK = `
  # renderers: caf\u00e9
  upstream other { server 127.0.0.1:9; }
  upstream app {
\tleast_conn;
\tserver 127.0.0.1:8002; # by hand
\tserver 127.0.0.1:8003 weight=2;
\tkeepalive 16;
  }
`
const DOWN = 'server 127.0.0.1:1 down;'

const blockOptions = (site: Nginx, more: Partial<NginxOptions> = {}): NginxOptions =>
  optionsFor(site, { mode: 'block', file: site.conf, ...more })

describe.runIf(has('nginx'))('an upstream block in a configuration', () => {
  test('gets other `server` lines, and every other byte of the file stays the same', async () => {
    const site = await newBlockSite(BLOCK)
    const before = readText(site.conf)
    const expected = (...servers: string[]): string =>
      before.replace(
        `\tserver 127.0.0.1:8002; # by hand\n\tserver 127.0.0.1:8003 weight=2;\n`,
        servers.map((line, index) => `\t${line}${index === 0 ? ' # by hand' : ''}\n`).join(''),
      )
    expect(before).toContain(bytesOf('caf\u00e9'))
    const spinner = newSpinner({ plugins: [nginx(blockOptions(site))] })
    const errors = errorsOf(spinner)
    const child = spinner.start(hello('a'))
    await child
    expect(readText(site.conf)).toBe(expected(`server unix:${child.address} max_fails=0;`))
    expect(await get(site.target)).toBe(`hello from ${child.pid}`)
    const other = spinner.start(hello('b', { listen: 'port' }))
    await other
    const both = [child.address, other.address].map(
      (at) => `server ${typeof at === 'number' ? '127.0.0.1' : 'unix'}:${at} max_fails=0;`,
    )
    expect(readText(site.conf)).toBe(expected(...both))
    await spinner.close()
    expect(readText(site.conf)).toBe(expected(DOWN))
    expect(errors).toEqual([])
  })

  test('that somebody removes or breaks meanwhile is reported, and the file is not changed', async () => {
    const site = await newBlockSite(BLOCK)
    const spinner = newSpinner({ plugins: [nginx(blockOptions(site, { debounce: 0 }))] })
    const errors = errorsOf(spinner)
    await spinner.start(hello('a'))
    const well = readText(site.conf)
    for (const [text, message] of [
      [
        well.replace('upstream app {', 'upstream apps {'),
        /nginx\.conf:\d+: no block 'upstream app' up to this line; spinner did not change the file/,
      ],
      [
        well.replace('upstream other {', 'upstream app {'),
        /nginx\.conf:\d+: a second block 'upstream app'; the first is in line \d+; spinner did not change the file/,
      ],
      [
        well.slice(0, well.indexOf('keepalive')),
        /nginx\.conf:\d+: the block "upstream" is never closed; spinner did not change the file/,
      ],
    ] as const) {
      writeFileSync(site.conf, text, 'latin1')
      await spinner.start(hello('b'))
      expect(errors.splice(0).map((error) => error.message)).toEqual([expect.stringMatching(message)])
      expect(readText(site.conf)).toBe(text)
      await spinner.stop('b')
    }
    writeFileSync(site.conf, well, 'latin1')
    await spinner.start(hello('c'))
    expect(readText(site.conf).match(/server unix:/g)).toHaveLength(2)
    expect(errors).toEqual([])
  })

  test('can be one of several in one file, each with a plugin', async () => {
    const site = await newBlockSite(BLOCK)
    const plugins = ['app', 'other'].map((upstream) =>
      nginx(blockOptions(site, { upstream, children: upstream })),
    )
    const spinner = newSpinner({ plugins })
    await Promise.all([spinner.start(hello('app')), spinner.start(hello('other'))])
    const line = (name: string): string => `server unix:${spinner.child(name)?.address} max_fails=0;`
    expect(readText(site.conf)).toContain(`upstream other { ${line('other')} }`)
    expect(readText(site.conf)).toContain(`\t${line('app')} # by hand`)
    await until(async () => (await get(site.target)) === `hello from ${spinner.child('app')?.pid}`)
  })
})
