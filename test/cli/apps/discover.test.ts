import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { type Apps, readApps } from '../../../src/cli/apps/discover.ts'
import { Folder } from '../../../src/cli/apps/folder.ts'
import { indexPage } from '../../../src/cli/apps/index-page.ts'
import { readGateway } from '../../../src/gateway/read-options.ts'
import { CHILD_OPTIONS } from '../../../src/options/normalise.ts'
import { newFolder } from '../../support/host.ts'

const start = (script: unknown): string => JSON.stringify({ scripts: { start: script } })

/** A folder with these files; folders are made for those that have them in their names. */
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
  test('are the programs for Node in it and the sub-folders that npm can start', () => {
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
    const { left, served } = readApps(folder)
    expect([...served.keys()]).toEqual(['blog', 'new', 'old', 'shop'])
    expect(left).toEqual([])
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

  test('are not what is hidden, what belongs to a tool, and what npm has installed', () => {
    const apps = read({
      '.eslintrc.js': '',
      '.cache/package.json': start('x'),
      'node_modules/package.json': start('x'),
      'vite.config.js': '',
      'shop.test.mjs': '',
      'jquery.min.js': '',
      'folder.js/readme': '',
    })
    expect(apps).toEqual({ served: new Map(), left: [] })
  })

  test('have names that can be those of hosts, and each its own', () => {
    const { left, served } = read({
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
    expect(left.map((line) => line.split(':')[0]).sort()).toEqual(entries.sort())
    expect(left).toContain('Shop.js: shop/ is shop.localhost already')
    expect(left).toContain('café.js: its name cannot be that of a host; use a-z, 0-9 and -')
  })

  test('may be links to other places, and one that leads nowhere is none', () => {
    const [folder, elsewhere] = [newFolder(), folderOf({ 'blog/package.json': start('x'), 'a.js': '' })]
    symlinkSync(path.join(elsewhere, 'blog'), path.join(folder, 'blog'))
    symlinkSync(path.join(elsewhere, 'a.js'), path.join(folder, 'shop.js'))
    symlinkSync(path.join(elsewhere, 'gone.js'), path.join(folder, 'gone.js'))
    expect(namesOf(readApps(folder))).toEqual(['blog', 'shop'])
  })

  test('with a package.json that cannot be read are told of', () => {
    expect(read({ 'blog/package.json': '{' }).left).toEqual([
      expect.stringContaining('blog/: its package.json cannot be read: '),
    ])
  })

  test('do not include the folder itself; when it is an app, that is told, and how to serve it', () => {
    const { left, served } = read({ 'package.json': start('node server.js'), 'server.js': '' })
    expect([...served.keys()]).toEqual(['server'])
    expect(left).toEqual([expect.stringContaining('this folder is an app itself; `spinner up ..`')])
    expect(read({ 'package.json': '{' }).left).toEqual([])
  })

  test('that only have a dev script are told of, and what to add', () => {
    const dev = JSON.stringify({ scripts: { dev: 'vite', start: ' ' } })
    const line = 'blog/: its package.json has no start script; add "start": "npm run dev -- --port $PORT"'
    expect(read({ 'blog/package.json': dev })).toEqual({ served: new Map(), left: [line] })
  })

  test.each([
    ['node server.js', true],
    ['NODE_ENV=development PORT_OF=1 node server.js', true],
    ['node --watch server.js', false],
    ['vite --port $PORT', false],
    ['nodemon server.js', false],
  ])('started by `%s` have their code watched: %s', (script, isWatched) => {
    const folder = folderOf({ 'blog/package.json': start(script) })
    const cwd = path.join(folder, 'blog')
    const file = path.join(cwd, 'package.json')
    const monitor = readApps(folder).served.get('blog')?.['monitor']
    const { ignore, paths } = monitor as { ignore: RegExp[]; paths: string[] }
    expect(paths).toEqual(isWatched ? [cwd, file] : [file])
    const isLeftOut = (name: string): boolean => ignore.some((rule) => rule.test(name))
    expect(['server.js', 'lib/a.mjs', 'lib', 'src/a.tsx'].filter(isLeftOut)).toEqual([])
    const none = ['data.json', 'db.sqlite', 'lib/page.html', '.next/server.js', 'lib/.cache']
    expect(none.filter(isLeftOut)).toEqual(none)
  })
})

test('who waits for an app that does not start is told why: nobody waits shorter than its start lasts', async () => {
  const { gateway } = await new Folder(newFolder(), {}, {}).load()
  expect(readGateway(gateway?.options).wait).toBeGreaterThan(CHILD_OPTIONS['timeout']?.default as number)
})

test('H60: the list of apps shows names and reasons as text', () => {
  const script = '<script>alert(1)</script>'
  const { body, headers } = indexPage([{ name: script, url: `"${script}`, state: 'faulted' }], [script])
  expect(body).not.toContain('<script')
  expect(body).toContain('has failed')
  expect(headers['content-security-policy']).toContain("default-src 'none'")
  expect(indexPage([], []).body).toContain('There are no apps yet')
})
