import { describe, expect, test } from 'vitest'
import { translate } from '../../src/cli/commands/import/import.ts'
import { understand } from '../../src/cli/config/read.ts'
import { readYaml } from '../../src/cli/config/yaml.ts'
import { Command } from '../support/command.ts'
import { newFolder } from '../support/host.ts'
import { install } from '../support/installed.ts'
import { read } from '../support/pages.ts'

/** Returns the YAML blocks of a page by the names of their files. */
const filesOf = (page: string): Record<string, string> =>
  Object.fromEntries(
    [...read(page).matchAll(/^```yaml (\S+)\n(.*?)^```/gms)].map(([, name, text]) => [name, text]),
  )

describe('docs/command.md', () => {
  const page = read('docs/command.md')

  test('shows a valid file, with and without each of its environments', () => {
    const text = filesOf('docs/command.md')['spinner.yml'] as string
    const plain = understand(text, 'spinner.yml', null)
    expect(plain.pools.get('renderer')?.size).toBe(3)
    expect(understand(text, 'spinner.yml', 'production').pools.get('renderer')?.size).toBe(12)
    expect(understand(text, 'spinner.yml', 'development').nginx).toEqual([])
  })

  test('shows a gateway whose children wait for requests, except warm ones', () => {
    const { gateway, lazy } = understand(filesOf('docs/command.md')['gateway.yml'] as string, 'f', null)
    expect(gateway?.options['routes']).toHaveLength(4)
    expect([...lazy]).toEqual(['shop', 'blog'])
  })

  test('shows a mistake as the command reports it', () => {
    const text = 'children:\n  web:\n    command: x\n    checks:\n      # ->           \n      memroy: {}\n'
    const error = (() => {
      try {
        return understand(text, 'spinner.yml', null)
      } catch (thrown) {
        return thrown as Error
      }
    })()
    const [, shown] = /`spinner\.yml:\d+:\d+: (unknown key [^`]*)`/.exec(page) ?? []
    expect((error as Error).message).toContain(shown)
  })

  test('lists every command, and only options that exist', async () => {
    const spinner = new Command(install())
    const help = async (...args: string[]) =>
      (await spinner.run([...args, '--help'], { folder: newFolder() }).ended).output
    const [, commands = ''] = /Commands:\n(.*)/s.exec(await help()) ?? []
    for (const [, name] of commands.matchAll(/^ {2}(\w+) /gm))
      if (name !== 'help') expect(page).toContain(`| \`spinner ${name}`)
    for (const option of ['--json', '--no-color', '-c,', '-e,']) expect(await help('run')).toContain(option)
    const [, table = ''] = /^\| option \|(.*?)\n\n/ms.exec(read('docs/up.md')) ?? []
    const options = [...table.matchAll(/`(--[a-z-]+)/g)].map(([, option]) => option)
    expect(options).toEqual(['--port', '--host', '--idle', '--json', '--no-color'])
    for (const option of options) expect(await help('up')).toContain(option)
  })
})

describe('docs/moving-from-phantom-manager.md', () => {
  const files = filesOf('docs/moving-from-phantom-manager.md')

  test('shows the result of importing the file that it shows', () => {
    const { yaml, notes } = translate(files['config.yml'] as string, 'config.yml', null, (given) => given)
    expect(notes).toEqual([])
    expect(yaml.replace(/^#.*\n/gm, '').trimStart()).toBe(files['spinner.yml'])
  })

  test('has a row for every key that phantom-manager documents', () => {
    const rows = read('docs/moving-from-phantom-manager.md')
      .replaceAll('`…_check_retries`', '`response_time_check_retries`')
      .replaceAll('`…_check_interval`', '`response_time_check_interval`')
      .replaceAll('`…_check_path`', '`response_time_check_path`')
    const { tree } = readYaml(read('test/fixtures/phantom-manager.yml'))
    const production = tree.get('production') as { entries: ReadonlyMap<string, unknown> } | undefined
    expect(production?.entries.size).toBeGreaterThan(15)
    for (const key of production?.entries.keys() ?? []) expect(rows).toContain(`\`${key}\``)
  })
})
