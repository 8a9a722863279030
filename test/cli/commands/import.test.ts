import { chmodSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { translate } from '../../../src/cli/commands/import/import.ts'
import { ConfigError } from '../../../src/cli/config/error.ts'
import { type Config, effective } from '../../../src/cli/config/model.ts'
import { understand } from '../../../src/cli/config/read.ts'
import { Command, newSite, pidOf } from '../../support/command.ts'
import { fixture, get, newFile, newFolder } from '../../support/host.ts'
import { install } from '../../support/installed.ts'

const spinner = new Command(install())

/** The configuration that phantom-manager documents, with the response-time keys of its README. */
const DOCUMENTED = readFileSync(fixture('phantom-manager.yml'), 'utf8')

interface Imported {
  readonly config: Config
  readonly notes: readonly string[]
}

function imported(text: string, environment = 'production'): Imported {
  const { yaml, notes } = translate(text, 'config.yml', null, (given) => given)
  return { config: understand(yaml, '/site/spinner.yml', environment), notes }
}

function wrongIn(text: string, environment: string | null = null): readonly string[] {
  try {
    translate(text, 'config.yml', environment, (given) => given)
  } catch (thrown) {
    if (thrown instanceof ConfigError) return thrown.lines
    throw thrown
  }
  return []
}

const needed =
  'phantom_base_port: 8002\n  phantom_processes_number: 3\n  phantom_command: phantomjs rndrme.js'

describe("phantom-manager's documented configuration", () => {
  test('becomes an equivalent pool with checks, behind nginx', () => {
    const { config } = imported(DOCUMENTED)
    expect(effective(config)).toEqual({
      pools: {
        phantomjs: {
          size: 3,
          port: 8002,
          command: 'sh',
          args: ['-c', 'exec phantomjs rndrme.js "$PORT"'],
          cwd: '/srv/app',
          stdout: '/var/log/phantom.log',
          stderr: '/var/log/phantom.log',
          faultTimeout: 45,
          drainTimeout: 15,
          stopTimeout: 2,
          checks: {
            memory: { limit: 102_400_000, retries: 3, interval: 5 },
            responseTime: {
              threshold: 2,
              retries: 2,
              interval: 40,
              path: '/ping',
              headers: { 'X-Backend-Host': 'www.example.com', 'X-Phantom': 'true' },
            },
          },
        },
      },
      nginx: [
        {
          upstream: 'phantomjs',
          file: '/etc/nginx/nginx.conf',
          mode: 'block',
          children: ['phantomjs'],
          params: ['fail_timeout=0'],
          grace: 10,
        },
      ],
    })
  })

  test('keeps all its environments', () => {
    expect(imported(DOCUMENTED, 'development').config.environments).toEqual(['development', 'production'])
    expect(imported(DOCUMENTED, 'development').config.pools.get('phantomjs')).toMatchObject({
      size: 10,
      options: { checks: { memory: { limit: 153_600_000 } } },
    })
  })

  test('gets notes about differences in behaviour', () => {
    const { notes } = imported(DOCUMENTED)
    expect(notes).toHaveLength(2)
    for (const note of notes)
      expect(note).toContain(
        'processes_check_retries and processes_check_interval: spinner restarts a crashed child immediately',
      )
  })
})

describe('another configuration of phantom-manager', () => {
  test('can share sections, and a shared section is not an environment', () => {
    const { config, notes } = imported(
      `base: &base\n  memory_limit: 100\n  nginx_conf: ""\nproduction:\n  <<: *base\n  ${needed}\n`,
    )
    expect(config.environments).toEqual(['production'])
    expect(config.pools.get('phantomjs')?.options).toMatchObject({ checks: { memory: { limit: 102_400 } } })
    expect(notes[0]).toBe(
      'base: dropped, because it is not an environment: phantom_base_port, phantom_processes_number, phantom_command are missing',
    )
  })

  test('has its numbers read as Ruby reads them', () => {
    const text = DOCUMENTED.replaceAll('phantom_base_port: 8002', 'phantom_base_port: 08080').replaceAll(
      '100_000',
      '0100',
    )
    const { pools } = imported(text).config
    expect(pools.get('phantomjs')).toMatchObject({
      port: 8080,
      options: { checks: { memory: { limit: 64 * 1024 } } },
    })
  })

  test.each([
    ['phantom_command: VAR=1 phantomjs x.js', '', 'VAR=1 phantomjs x.js "$PORT"'],
    ['phantom_command: "a; phantomjs x.js"', '', 'a; phantomjs x.js "$PORT"'],
    [
      "phantom_command: 'phantomjs --load-images=no x.js'",
      '',
      'exec phantomjs --load-images=no x.js "$PORT"',
    ],
    [
      'phantom_command: phantomjs x.js',
      'rails_root: ~/app\n  phantom_log_path: log/p.log',
      'cd ~/app && exec phantomjs x.js "$PORT" >>log/p.log 2>&1',
    ],
    [
      'phantom_command: phantomjs x.js',
      'rails_root: ~/app\n  phantom_log_path: /log/p.log',
      'cd ~/app && exec phantomjs x.js "$PORT"',
    ],
    [
      'phantom_command: phantomjs x.js',
      'rails_root: /a\n  phantom_log_path: $HOME/p.log',
      'exec phantomjs x.js "$PORT" >>$HOME/p.log 2>&1',
    ],
  ])('with %s, %s becomes the same command line in a shell', (command, more, line) => {
    const text = `production:\n  phantom_base_port: 1\n  phantom_processes_number: 1\n  rails_root: /app\n  ${command}\n`
    const whole = more === '' ? text : text.replace('rails_root: /app', more)
    expect(imported(whole).config.pools.get('phantomjs')?.options['args']).toEqual(['-c', line])
  })

  test('gets a note with a reason for each key that has no counterpart', () => {
    const { notes } = imported(
      `production:\n  ${needed}\n  rails_root: /a\n  foo: 1\n  bar: [1]\n  processes_check_retries: 3\n`,
    )
    expect(notes).toEqual([
      'production: bar was dropped: phantom-manager accepts no list or map here',
      expect.stringContaining(
        'production: processes_check_retries and processes_check_interval only work together',
      ),
      'production: nginx_conf is empty, so nginx and phantom_termination_grace were dropped',
      'production: foo was dropped: phantom-manager does not know this key',
    ])
  })

  test('is rejected with the position if phantom-manager itself cannot use it', () => {
    expect(wrongIn(`production:\n  ${needed.replace('8002', 'many')}\n`)).toEqual([
      "config.yml:2:3: `phantom_base_port` must be a number, but it is 'many'",
    ])
    expect(wrongIn('a: 1\nb: {}\n')).toEqual([
      expect.stringMatching(
        /^config\.yml:1:1: it contains no environment of phantom-manager: a: dropped, .*; b: dropped/,
      ),
    ])
    expect(wrongIn('a: 1\n', 'a')).toEqual(["config.yml:1:1: 'a' is not an environment: it is not a map"])
    expect(wrongIn(DOCUMENTED, 'prodution')).toEqual([
      "config.yml: no environment is called 'prodution'; did you mean 'production'?",
    ])
    expect(wrongIn('a: {')).toEqual([expect.stringMatching(/^config\.yml:1:5: /)])
  })

  test('cannot inject lines through names in comments', () => {
    const { yaml } = translate(
      `"a\\nchildren: {}\\n": 1\nproduction:\n  ${needed}\n`,
      'config.yml',
      null,
      (given) => given,
    )
    expect(yaml).not.toMatch(/^children/m)
  })
})

describe('two commands', () => {
  test('replace phantom-manager: the ports answer, and a killed process is restarted', async () => {
    const port = 20_000 + Math.floor(Math.random() * 5_000) * 2
    const bin = newFolder()
    const phantomjs = newFile(
      'phantomjs',
      `#!${process.execPath}\nrequire('node:http').createServer((request, response) => response.end(process.argv.slice(2).join(' '))).listen(process.argv.at(-1), '127.0.0.1')\n`,
      bin,
    )
    chmodSync(phantomjs, 0o755)
    const text = `production:\n  phantom_base_port: ${port}\n  phantom_processes_number: 2\n  phantom_command: phantomjs rndrme.js\n  rails_root: ${bin}\n  phantom_log_path: phantom.log\n`
    const { folder } = newSite('', { 'config.yml': text })
    const env = { PATH: `${bin}${path.delimiter}${process.env['PATH']}` }
    const made = await spinner.run(['import', 'phantom-manager', 'config.yml', '-o', 'made.yml'], {
      folder,
      env,
    }).ended
    expect(made).toMatchObject({
      code: 0,
      output: expect.stringContaining('created made.yml; next, run: spinner run -c made.yml -e production'),
    })
    const again = await spinner.run(['import', 'phantom-manager', 'config.yml', '-o', 'made.yml'], { folder })
      .ended
    expect(again).toMatchObject({ code: 2, output: expect.stringContaining('--force') })

    const running = spinner.run(['run', '-c', 'made.yml', '-e', 'production'], { folder, env })
    await running.until(/\* started/, 2)
    for (const offset of [0, 1]) {
      expect(await get({ host: '127.0.0.1', port: port + offset })).toBe(`rndrme.js ${port + offset}`)
    }
    process.kill(pidOf(running.output(), 'phantomjs-1'), 'SIGKILL')
    await running.until(/phantomjs-1 +\* restarted/)
    expect(await get({ host: '127.0.0.1', port: port + 1 })).toContain('rndrme.js')
    running.kill('SIGTERM')
    expect(await running.ended).toMatchObject({ code: 0 })
  })
})
