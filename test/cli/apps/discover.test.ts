import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { type Apps, readApps } from '../../../src/cli/apps/discover.ts'
import { Folder } from '../../../src/cli/apps/folder.ts'
import { indexPage } from '../../../src/cli/apps/index-page.ts'
import { readGateway } from '../../../src/gateway/read-options.ts'
import { CHILD_OPTIONS } from '../../../src/options/table.ts'
import { newFolder } from '../../support/host.ts'

const start = (script: unknown): string => JSON.stringify({ scripts: { start: script } })

/** Creates a folder with these files, and the sub-folders in their names. */
function folderOf(files: Readonly<Record<string, string>>): string {
  const folder = newFolder()
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true })
    writeFileSync(path.join(folder, name), text)
  }
  return folder
}

const read = (files: Readonly<Record<string, string>>): Apps => readApps(folderOf(files))
const namesOf = ({ served }: Apps): string[] => [...served.keys()]

describe('the apps of a folder', () => {
  test('are its programs for Node and the sub-folders that npm can start', () => {
    const folder = folderOf({
      'shop.js': '',
      'Old.cjs': '',
      'new.mjs': '',
      'blog/package.json': `\uFEFF${start('node server.js')}`,
      'notes.txt': '',
      'data/index.js': '',
      'lib/package.json': JSON.stringify({ scripts: { test: 'x' } }),
      'empty/package.json': start(' '),
      'odd/package.json': '[]',
    })
    const { served, skipped } = readApps(folder)
    expect([...served.keys()]).toEqual(['blog', 'new', 'old', 'shop'])
    expect(skipped).toEqual([])
    expect(served.get('shop')).toMatchObject({
      script: path.join(folder, 'shop.js'),
      cwd: folder,
      listen: 'port',
    })
    expect(served.get('blog')).toMatchObject({
      command: 'npm',
      cwd: path.join(folder, 'blog'),
      listen: 'port',
    })
  })

  test('are not hidden files, files of tools, or installed packages', () => {
    const apps = read({
      '.eslintrc.js': '',
      '.cache/package.json': start('x'),
      'node_modules/package.json': start('x'),
      'vite.config.js': '',
      'shop.test.mjs': '',
      'jquery.min.js': '',
      'folder.js/readme': '',
    })
    expect(apps).toEqual({ served: new Map(), skipped: [] })
  })

  test('have unique names that can be host names', () => {
    const { served, skipped } = read({
      'café.js': '',
      '-a.js': '',
      '__proto__.js': '',
      'xn--bcher-kva.js': '',
      [`${'a'.repeat(64)}.js`]: '',
      'my.app/package.json': start('x'),
      'shop/package.json': start('x'),
      'Shop.js': '',
      'shop.cjs': '',
      'constructor.js': '',
      'Big_Name.js': '',
      'ends_.js': '',
      'ends-.js': '',
    })
    expect([...served.keys()]).toEqual(['big_name', 'constructor', 'ends_', 'shop'])
    expect(served.get('shop')).toHaveProperty('command', 'npm')
    const entries = [
      'my.app/',
      'Shop.js',
      '-a.js',
      '__proto__.js',
      `${'a'.repeat(64)}.js`,
      'café.js',
      'ends-.js',
      'shop.cjs',
      'xn--bcher-kva.js',
    ]
    expect(skipped.map((line) => line.split(':')[0]).sort()).toEqual(entries.sort())
    expect(skipped).toContain('Shop.js: shop/ is already served as shop.localhost')
    expect(skipped).toContain('café.js: its name cannot be a host name; use a-z, 0-9 and -')
  })

  test('can be links, except broken ones', () => {
    const [folder, elsewhere] = [newFolder(), folderOf({ 'blog/package.json': start('x'), 'a.js': '' })]
    symlinkSync(path.join(elsewhere, 'blog'), path.join(folder, 'blog'))
    symlinkSync(path.join(elsewhere, 'a.js'), path.join(folder, 'shop.js'))
    symlinkSync(path.join(elsewhere, 'gone.js'), path.join(folder, 'gone.js'))
    expect(namesOf(readApps(folder))).toEqual(['blog', 'shop'])
  })

  test('are skipped with a message if their package.json cannot be read', () => {
    expect(read({ 'blog/package.json': '{' }).skipped).toEqual([
      expect.stringContaining('blog/: its package.json cannot be read: '),
    ])
  })

  test('do not include the folder itself; a message says how to serve it', () => {
    const { served, skipped } = read({ 'package.json': start('node server.js'), 'server.js': '' })
    expect([...served.keys()]).toEqual(['server'])
    expect(skipped).toEqual([expect.stringContaining('this folder is an app itself; `spinner up ..`')])
    expect(read({ 'package.json': '{' }).skipped).toEqual([])
  })

  test('are skipped with a message if they only have a dev script', () => {
    const dev = JSON.stringify({ scripts: { dev: 'vite', start: ' ' } })
    const line = 'blog/: its package.json has no start script; add "start": "npm run dev -- --port $PORT"'
    expect(read({ 'blog/package.json': dev })).toEqual({ served: new Map(), skipped: [line] })
  })

  test.each([
    ['node server.js', true],
    ['NODE_ENV=development PORT_OF=1 node server.js', true],
    ['node --watch server.js', false],
    ['vite --port $PORT', false],
    ['nodemon server.js', false],
  ])('with the start script `%s` have their code watched: %s', (script, isWatched) => {
    const folder = folderOf({ 'blog/package.json': start(script) })
    const cwd = path.join(folder, 'blog')
    const file = path.join(cwd, 'package.json')
    const monitor = readApps(folder).served.get('blog')?.['monitor']
    const { ignore, paths } = monitor as { ignore: RegExp[]; paths: string[] }
    expect(paths).toEqual(isWatched ? [cwd, file] : [file])
    const isIgnored = (name: string): boolean => ignore.some((rule) => rule.test(name))
    expect(['server.js', 'lib/a.mjs', 'lib', 'src/a.tsx'].filter(isIgnored)).toEqual([])
    const none = ['data.json', 'db.sqlite', 'lib/page.html', '.next/server.js', 'lib/.cache']
    expect(none.filter(isIgnored)).toEqual(none)
  })
})

test('a request waits longer than a start can take, so it gets the reason why an app does not start', async () => {
  const { gateway } = await new Folder(newFolder(), {}, {}).load()
  expect(readGateway(gateway?.options).wait).toBeGreaterThan(CHILD_OPTIONS['timeout']?.default as number)
})

test('H60: the list of apps escapes names and messages', () => {
  const script = '<script>alert(1)</script>'
  const { body, headers } = indexPage([{ name: script, url: `"${script}`, state: 'faulted' }], [script])
  expect(body).not.toContain('<script')
  expect(body).toContain(', failed</li>')
  expect(headers['content-security-policy']).toContain("default-src 'none'")
  expect(indexPage([], []).body).toContain('There are no apps yet')
})
