import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { Command, newSite } from '../support/command.ts'
import { newFolder } from '../support/host.ts'
import { type Ended, install } from '../support/installed.ts'
import { read } from '../support/pages.ts'
import { run } from '../support/programs.ts'

const spinner = new Command(install())

const ended = (folder: string, ...args: string[]): Promise<Ended> => spinner.run(args, { folder }).ended
const WEB = 'children:\n  web: { command: sleep, args: [60], listen: 8000, env: { A: 08080 } }\n'

describe('the command line', () => {
  test.each([
    [['chek'], "unknown command 'chek'", 'Did you mean check?'],
    [['run', '--jsno'], "unknown option '--jsno'", 'Did you mean --json?'],
    [['run', '-c'], "option '-c, --config <file>' argument missing", ''],
    [['run', 'web'], 'too many arguments', ''],
    [['import', 'phantom-manger', 'x'], "unknown command 'phantom-manger'", 'Did you mean phantom-manager?'],
    [['import', 'phantom-manager'], "missing required argument 'file'", ''],
  ])('rejects the arguments %j with a hint and exit code 2', async (args, what, advice) => {
    const { code, output } = await ended(newFolder(), ...args)
    expect(code).toBe(2)
    expect(output).toContain(what)
    expect(output).toContain(advice)
  })

  test('has a help text for each command', async () => {
    for (const args of [
      [],
      ['run'],
      ['up'],
      ['check'],
      ['init'],
      ['import'],
      ['import', 'phantom-manager'],
    ]) {
      const { code, output } = await ended(newFolder(), ...args, '--help')
      expect(code).toBe(0)
      expect(output).toContain(`Usage: ${['spinner', ...args].join(' ')}`)
    }
    expect((await ended(newFolder(), 'run', '--help')).output).toContain('SIGUSR2')
  })

  test('prints the usage if there are no arguments', async () => {
    expect(await ended(newFolder())).toMatchObject({
      code: 2,
      output: expect.stringContaining('Usage: spinner'),
    })
  })
})

describe('spinner check', () => {
  test('prints the effective configuration, as YAML and as JSON', async () => {
    const { folder } = newSite(
      `${WEB}environments:\n  production: { children: { web: { listen: 08081 } } }\n`,
    )
    expect(await ended(folder, 'check')).toMatchObject({
      code: 0,
      output: expect.stringContaining('listen: 8000\n'),
    })
    const { code, output } = await ended(folder, 'check', '-e', 'production', '--json')
    expect(code).toBe(0)
    expect(JSON.parse(output)).toEqual({
      children: { web: { command: 'sleep', args: ['60'], listen: 8081, env: { A: '08080' }, cwd: folder } },
    })
  })

  test('says what to do if the file does not exist', async () => {
    const folder = newFolder()
    expect(await ended(folder, 'check')).toEqual({
      code: 2,
      signal: null,
      output: `${folder} has no spinner.yml; create one with \`spinner init\`, or pass its path with -c\n`,
    })
    expect((await ended(folder, 'check', '-c', '.')).output).toContain('.: cannot be read')
  })

  test('reports mistakes that only the library finds', async () => {
    const { folder } = newSite('children:\n  web: { command: x, listen: null, ready: { http: /up } }\n')
    expect(await ended(folder, 'check')).toMatchObject({
      code: 2,
      output: expect.stringMatching(/^spinner\.yml:2:3: `ready` an object needs an address/),
    })
  })

  test('warns of scripts, programs and folders that do not exist, each with its position', async () => {
    const { folder } = newSite(
      `defaults: { env: { PATH: /bin } }
children:
  web: { script: ./gone.js }
  there: { script: ./there }
  job: { command: no-such-program, listen: null }
  found: { command: sh, listen: null }
pools:
  app: { size: 2, command: sh, cwd: ./nowhere }
`,
      { 'there.js': '' },
    )
    const warnings = [
      ['spinner.yml:3:10', `'web' cannot be started: its script '${folder}/gone.js' does not exist`],
      ['spinner.yml:5:10', "'job' cannot be started: the program 'no-such-program' is not on PATH"],
      ['spinner.yml:8:32', `'app' cannot be started: its cwd '${folder}/nowhere' does not exist`],
    ]
    const program = (...args: string[]) =>
      run('sh', ['-c', `'${process.execPath}' '${spinner.program}' check ${args} 2>&1 >/dev/null`], folder)
    expect(await program()).toMatchObject({
      code: 0,
      output: warnings.map(([place, what]) => `${place}: warning: ${what}\n`).join(''),
    })
    const { output } = await program('--json')
    expect(
      output
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual(warnings.map(([place, what]) => ({ event: 'warning', message: `${place}: ${what}` })))
  })

  test('prints everything into a slow pipe, and reports a full disk', async () => {
    const env = `{ A: ${'x'.repeat(100)} }`
    const children = Array.from(
      { length: 900 },
      (_, index) => `  a${index}: { command: sleep, env: ${env} }\n`,
    )
    const { folder } = newSite(`children:\n${children.join('')}`)
    const command = `'${process.execPath}' '${spinner.program}' check --json`
    const { output } = await run('sh', ['-c', `${command} | cat`], folder)
    expect(Object.keys(JSON.parse(output).children)).toHaveLength(900)
    if (existsSync('/dev/full'))
      expect(await run('sh', ['-c', `${command} > /dev/full`], folder)).toMatchObject({
        code: 1,
        output: 'ENOSPC: no space left on device, write\n',
      })
  })

  test('ignores that its reader has exited', async () => {
    const { folder } = newSite(WEB)
    const { output } = await run(
      'sh',
      ['-c', `('${process.execPath}' '${spinner.program}' check; echo "code $?" >&2) | true`],
      folder,
    )
    expect(output).toBe('code 0\n')
  })
})

describe('spinner init', () => {
  test('writes a valid configuration, and overwrites a file only with --force', async () => {
    const folder = newFolder()
    expect(await ended(folder, 'init')).toMatchObject({ code: 0 })
    expect(await ended(folder, 'check')).toMatchObject({ code: 0 })
    const { change, folder: other } = newSite('')
    change('mine')
    expect(await ended(other, 'init')).toMatchObject({ code: 2, output: expect.stringContaining('--force') })
    expect(readFileSync(path.join(other, 'spinner.yml'), 'utf8')).toBe('mine')
    expect(await ended(other, 'init', '--force')).toMatchObject({ code: 0 })
    expect(await ended(other, 'init', '-o', 'no/such/folder.yml')).toMatchObject({
      code: 2,
      output: expect.stringContaining('cannot write no/such/folder.yml'),
    })
    expect(existsSync(path.join(other, 'no'))).toBe(false)
  })
})

describe('the schema for editors', () => {
  const schema = JSON.parse(read('spinner.schema.json'))

  test('describes every key that the file can have', () => {
    expect(Object.keys(schema.properties)).toEqual([
      'id',
      'runtimeDir',
      'concurrency',
      'maxRunning',
      'maxMemory',
      'defaults',
      'children',
      'pools',
      'nginx',
      'gateway',
      'environments',
    ])
    const { checks, ...options } = schema.$defs.child.properties
    expect(checks).toMatchObject({ $ref: '#/$defs/checks' })
    for (const [key, { description }] of Object.entries<{ description?: string }>(options))
      expect(description, key).toMatch(/\.$|`$/)
  })

  test('rejects unknown keys, as the command does', () => {
    for (const part of [schema, ...Object.values<object>(schema.$defs)])
      expect(part).toMatchObject({ additionalProperties: false })
  })
})
