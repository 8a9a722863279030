import { chmodSync, existsSync, readdirSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { takeLock } from '../../src/nginx/files/lock.ts'
import { type NginxOptions, nginx, nginxOn } from '../../src/nginx/index.ts'
import { realSys } from '../../src/sys.ts'
import type { SpinnerOptions } from '../../src/types/options.ts'
import type { Spinner } from '../../src/types/spinner.ts'
import { sleeper } from '../support/children.ts'
import { sysWith } from '../support/clock.ts'
import { get, isAlive, newFile, newFolder, newSpinner, until } from '../support/host.ts'
import { has } from '../support/needs.ts'
import type { Nginx } from '../support/nginx.ts'
import { errorsOf, hello, included, newSite, optionsFor, readText, serversIn } from './site.ts'

/** Common ways in which people break the rest of a configuration. */
const BROKEN: readonly [what: string, broken: (text: string, folder: string) => string][] = [
  ['an upstream without servers', (text) => text.replace('server {', 'upstream empty { }\nserver {')],
  ['an upstream that is missing', (text) => text.replace('http://app', 'http://missing')],
  [
    'two upstreams of one name',
    (text) => text.replace('server {', 'upstream app { server 127.0.0.1:1; }\nserver {'),
  ],
  ['half of the file', (text) => text.slice(0, text.length / 2)],
  ['a byte order mark', (text) => `\u00ef\u00bb\u00bf${text}`],
  ['a zero byte', (text) => text.replace('server {', '\0server {')],
  ['port 0', (text) => text.replace('server {', 'upstream x { server 127.0.0.1:0; }\nserver {')],
  ['port 70000', (text) => text.replace('server {', 'upstream x { server 127.0.0.1:70000; }\nserver {')],
  [
    'a name with a space',
    (text) => text.replace('server {', 'upstream x y { server 127.0.0.1:1; }\nserver {'),
  ],
  [
    'a socket of 120 characters',
    (text) => text.replace('server {', `upstream x { server unix:/${'x'.repeat(120)}; }\nserver {`),
  ],
  ['a directive that nginx does not know', (text) => text.replace('server {', 'serve_all on;\nserver {')],
  ['a semicolon that is missing', (text) => text.replace('access_log off;', 'access_log off')],
  ['a brace that is missing', (text) => text.replace('events {', 'events ')],
  ['an include of a missing file', (text) => text.replace('server {', 'include nowhere.conf;\nserver {')],
]

interface World {
  readonly site: Nginx
  readonly spinner: Spinner
  readonly errors: Error[]
  readonly lines: string[]
}

function newSpinnerOn(site: Nginx, more: Partial<NginxOptions>): Omit<World, 'site'> {
  const lines: string[] = []
  const quiet = (): void => {}
  const note = (line: string): void => void lines.push(line)
  const logger = { info: quiet, debug: quiet, warn: note, error: note }
  const options: SpinnerOptions = { logger, plugins: [nginx(optionsFor(site, more))] }
  const spinner = newSpinner(options)
  return { spinner, errors: errorsOf(spinner), lines }
}

async function newWorld(more: Partial<NginxOptions> = {}): Promise<World> {
  const site = await newSite()
  return { site, ...newSpinnerOn(site, more) }
}

describe.runIf(has('nginx'))('E15c, H46: while another part of the configuration is broken', () => {
  test('by any of 14 mistakes, the file is restored, the old workers serve, and the error contains nginx\u2019s own line', async () => {
    const { site, spinner, errors } = await newWorld({ debounce: 0 })
    const child = spinner.start(hello('a'))
    await child
    const well = readText(site.conf)
    const file = readText(included(site.folder))
    const reloads = site.reloads()
    expect(BROKEN).toHaveLength(14)
    for (const [index, [what, broken]] of BROKEN.entries()) {
      writeFileSync(site.conf, broken(well, site.folder), 'latin1')
      await spinner.start({ ...sleeper(`b${index}`), listen: 'port', ready: 'spawn' })
      const [error] = errors.splice(0)
      expect(error, what).toMatchObject({
        code: 'ERR_SPINNER_NOT_READY',
        message: expect.stringMatching(
          /^nginx rejects its configuration, so spinner restored the file: \[emerg\] ./,
        ),
      })
      expect(readText(included(site.folder)), what).toBe(file)
      expect(await get(site.target), what).toBe(`hello from ${child.pid}`)
      await spinner.stop(`b${index}`)
      errors.splice(0)
    }
    expect(site.reloads()).toBe(reloads)
    writeFileSync(site.conf, well, 'latin1')
    await spinner.start({ ...sleeper('c'), listen: 'port', ready: 'spawn' })
    expect(serversIn(included(site.folder))).toHaveLength(2)
    expect(errors).toEqual([])
  })

  test('a file that did not exist before is removed again', async () => {
    const { site, spinner, errors } = await newWorld({ file: path.join(newFolder(), 'new.conf') })
    const conf = readText(site.conf)
    writeFileSync(site.conf, 'broken')
    const file = path.join(newFolder(), 'new.conf')
    spinner.use(nginx(optionsFor(site, { upstream: 'new', file })))
    await spinner.start(hello('a'))
    expect(errors.map(({ message }) => message)).toEqual([expect.stringContaining('nginx rejects')])
    expect(existsSync(file)).toBe(false)
    writeFileSync(site.conf, conf)
    await spinner.start(hello('b'))
    expect(serversIn(file)).toHaveLength(2)
  })

  test('an untested reload without effect is noticed', async () => {
    const { site, spinner, errors } = await newWorld({ test: false, timeout: 1 })
    writeFileSync(site.conf, readText(site.conf).replace('server {', 'nonsense;\nserver {'))
    const child = spinner.start(hello('a'))
    await child
    expect(errors).toEqual([
      expect.objectContaining({
        code: 'ERR_SPINNER_NOT_READY',
        message: expect.stringMatching(
          /got the signal to reload, but has no new workers after 1 s.*`nginx -t`/,
        ),
      }),
    ])
    expect([site.reloads(), site.generations()]).toEqual([1, 1])
    writeFileSync(site.conf, readText(site.conf).replace('nonsense;\n', ''))
    await spinner.start(hello('b'))
    expect(await get(site.target)).toMatch(/^hello from/)
    expect(errors).toHaveLength(1)
  })
})

describe.runIf(has('nginx'))('H47: only nginx gets a signal', () => {
  /** Starts a child with a pid file of this text, and returns the messages of the errors. */
  async function errorsWith(pid: string): Promise<string[]> {
    const { spinner, errors, site } = await newWorld({ pid: newFile('nginx.pid', pid) })
    await spinner.start(hello('a'))
    expect(site.reloads()).toBe(0)
    expect(serversIn(included(site.folder))[0]).toContain('unix:')
    return errors.map(({ message }) => message)
  }

  test('and not another process that has its pid', async () => {
    const other = newSpinner()
    const stranger = other.start(sleeper('stranger'))
    await stranger
    const pid = stranger.pid as number
    expect(await errorsWith(`${pid}\n`)).toEqual([
      expect.stringMatching(
        new RegExp(`nginx is not running, .*process ${pid} of '.*nginx.pid' is 'sleep', not nginx`),
      ),
    ])
    expect(isAlive(pid)).toBe(true)
    expect(stranger.info().lastExit).toBeNull()
  })

  test('and not this process, its group, or all processes', async () => {
    expect(await errorsWith(String(process.pid))).toEqual([expect.stringContaining("is 'node', not nginx")])
    for (const text of ['0', '-1', '', '99999999999999999999'])
      expect(await errorsWith(text)).toEqual([expect.stringContaining('does not contain a pid')])
  })

  test('and not a process that has ended', async () => {
    expect(await errorsWith('99999999')).toEqual([expect.stringContaining('process 99999999 of')])
  })

  test('if spinner has the permission; otherwise the error says what to do', async () => {
    const site = await newSite()
    const kill = (): never => {
      throw Object.assign(new Error('kill EPERM'), { code: 'EPERM' })
    }
    const spinner = newSpinner({ plugins: [nginxOn(sysWith({ kill }), optionsFor(site))] })
    const errors = errorsOf(spinner)
    await spinner.start(hello('a'))
    expect(errors.map(({ message }) => message)).toEqual([
      expect.stringMatching(/cannot signal nginx \(pid \d+\): EPERM.*'sudo', 'systemctl', 'reload', 'nginx'/),
    ])
  })
})

describe('without nginx', () => {
  test('running, children are supervised, the file is kept up to date, and one error reports it', async () => {
    if (!has('nginx')) return
    const { site, spinner, errors } = await newWorld()
    await site.stop()
    await spinner.start(hello('a'))
    await spinner.start(hello('b'))
    await spinner.restart('a')
    expect(errors).toEqual([
      expect.objectContaining({
        code: 'ERR_SPINNER_NOT_FOUND',
        message: expect.stringMatching(
          /^nginx is not running, .*nginx\.pid' (does not exist|does not contain a pid)\. Start nginx/,
        ),
      }),
    ])
    expect(serversIn(included(site.folder))).toHaveLength(2)
    await site.start()
    expect(await get(site.target)).toMatch(/^hello from/)
    await spinner.stop('a')
    expect([site.reloads(), serversIn(included(site.folder)).length]).toEqual([1, 1])
    expect(errors).toHaveLength(1)
  })

  test('running any more, children that are stopped after it report no error', async () => {
    if (!has('nginx')) return
    const { site, spinner, errors } = await newWorld()
    await spinner.start(hello('a'))
    await spinner.start(hello('b'))
    await site.stop()
    await spinner.stop('a')
    expect([errors, serversIn(included(site.folder)).length]).toEqual([[], 1])
    await spinner.start(hello('a'))
    expect(errors).toEqual([expect.objectContaining({ code: 'ERR_SPINNER_NOT_FOUND' })])
  })

  test('installed, children are supervised, the file is kept up to date, and one error reports it', async () => {
    const folder = newFolder()
    const file = path.join(folder, 'app.conf')
    const spinner = newSpinner({ plugins: [nginx({ upstream: 'app', file, command: ['no-such-nginx'] })] })
    const errors = errorsOf(spinner)
    await spinner.start(hello('a'))
    await spinner.start(hello('b'))
    expect(errors.map(({ message }) => message)).toEqual([
      "'no-such-nginx -t' is not installed, or not on PATH. Install nginx, or set `command`.",
    ])
    expect(serversIn(file)).toHaveLength(2)
    await spinner.close()
    expect(readdirSync(folder)).toEqual(['app.conf'])
  })

  test('a command that hangs is killed, and counts as a rejection', async () => {
    const folder = newFolder()
    const hangs = newFile('hangs.sh', '#!/bin/sh\nexec sleep 600\n')
    chmodSync(hangs, 0o755)
    const file = path.join(folder, 'app.conf')
    const spinner = newSpinner({
      plugins: [nginx({ upstream: 'app', file, command: [hangs], timeout: 0.2 })],
    })
    const errors = errorsOf(spinner)
    await spinner.start(hello('a'))
    expect(errors.map(({ message }) => message)).toEqual([
      `'${hangs} -t' took longer than 0.2 s, and was killed.`,
    ])
    expect(readdirSync(folder)).toEqual(['.app.conf.spinner-lock'])
  })
})

describe('a reload by a command', () => {
  test('runs that command without a shell, once for each change, and reports its output if it fails', async () => {
    const folder = newFolder()
    const program = newFile(
      'reload.sh',
      '#!/bin/sh\necho "$@" >> "$1"\necho "[error] no such unit" >&2\nexit $2\n',
      folder,
    )
    chmodSync(program, 0o755)
    const log = path.join(folder, 'log $(touch x)')
    const file = path.join(newFolder(), 'app.conf')
    const reload = [program, log, '0']
    const spinner = newSpinner({
      plugins: [nginx({ upstream: 'app', file, test: false, reload, pid: '/nonexistent' })],
    })
    const errors = errorsOf(spinner)
    await spinner.start(hello('a'))
    await spinner.restart('a')
    expect(errors).toEqual([])
    const calls = readText(log).split('\n')
    expect(calls.length - 1).toBe(calls.filter((line) => line === `${log} 0`).length)
    expect(calls.length - 1).toBeLessThanOrEqual(2)
    await spinner.close()
    const other = newSpinner({
      plugins: [
        nginx({ upstream: 'app', file, test: false, reload: [program, log, '3'], pid: '/nonexistent' }),
      ],
    })
    const failures = errorsOf(other)
    await other.start(hello('a'))
    expect(failures.map(({ message }) => message)).toEqual([
      `'${program} ${log} 3' exited with code 3: [error] no such unit`,
    ])
  })
})

describe('a file that cannot be used', () => {
  const errorWith = async (options: Partial<NginxOptions>): Promise<{ message: string; lines: string[] }> => {
    const lines: string[] = []
    const quiet = (): void => {}
    const logger = { info: quiet, debug: quiet, warn: quiet, error: (line: string) => void lines.push(line) }
    const base = { upstream: 'app', test: false, reload: false } as const
    const spinner = newSpinner({ logger, plugins: [nginx({ ...base, ...(options as NginxOptions) })] })
    const errors = errorsOf(spinner)
    await spinner.start(hello('a'))
    await spinner.start(hello('b'))
    expect(errors).toEqual([expect.objectContaining({ code: 'ERR_SPINNER_INVALID_OPTION' })])
    await spinner.close()
    const setups = lines.filter((line) => line.includes("the setup of plugin 'nginx:app' threw"))
    return { message: errors[0]?.message ?? '', lines: setups }
  }

  test('is reported at once in the log, and by the first child', async () => {
    const file = newFile('other.conf', 'http { }')
    const { message, lines } = await errorWith({ file })
    expect(message).toBe(
      `nginx(): \`file\` '${file}' was not written by spinner, so spinner does not overwrite it; choose another file, or \`mode: 'block'\` to change one block of this one.`,
    )
    expect(lines).toEqual([expect.stringContaining('was not written by spinner')])
    expect(readText(file)).toBe('http { }')
    expect(readdirSync(path.dirname(file))).toEqual(['other.conf'])
  })

  test('for another reason is reported in the same way', async () => {
    const folder = newFolder()
    symlinkSync('nowhere', path.join(folder, 'link'))
    expect((await errorWith({ file: path.join(folder, 'link') })).message).toContain(
      'a symbolic link to nothing',
    )
    expect((await errorWith({ file: path.join(folder, 'no', 'a.conf') })).message).toContain('ENOENT')
    const block = (text: string): Promise<{ message: string }> =>
      errorWith({ mode: 'block', file: newFile('a.conf', text, newFolder()) })
    expect((await block('http {\n}\n')).message).toMatch(
      /a\.conf:3: no block 'upstream app' up to this line; spinner did not change the file\.$/,
    )
    expect((await block('upstream app { }\nupstream app { }')).message).toMatch(
      /a\.conf:2: a second block 'upstream app'; the first is in line 1/,
    )
    expect((await block('upstream app {\n')).message).toMatch(
      /a\.conf:1: the block "upstream" is never closed/,
    )
    expect((await errorWith({ mode: 'block', file: path.join(folder, 'none.conf') })).message).toContain(
      'does not exist',
    )
  })

  test('H45: because another spinner uses it, is free when that spinner is closed', async () => {
    const file = path.join(newFolder(), 'app.conf')
    const options = { upstream: 'app', file, test: false, reload: false } as const
    const first = newSpinner({ plugins: [nginx(options)] })
    await first.start(hello('a'))
    const second = newSpinner({ plugins: [nginx({ ...options, upstream: 'other' })] })
    const errors = errorsOf(second)
    await second.start(hello('b'))
    expect(errors.map(({ message }) => message)).toEqual([
      `nginx(): \`file\` '${file}' is used by another spinner of this process; close that spinner first.`,
    ])
    expect(readText(file)).toContain('"a"')
    await first.close()
    await second.start(hello('c'))
    await until(() => readText(file).includes('upstream other'))
    expect(serversIn(file)).toHaveLength(2)
  })

  test('is written with all children as soon as a restart finds that it can be used', async () => {
    const file = path.join(newFolder(), 'app.conf')
    const options = { upstream: 'app', file, test: false, reload: false } as const
    const first = newSpinner({ plugins: [nginx(options)] })
    await first.start(hello('a'))
    const second = newSpinner({ plugins: [nginx(options)] })
    const children = ['b', 'c'].map((name) => second.start(hello(name)))
    await Promise.all(children)
    await first.close()
    expect(serversIn(file)).toEqual(['server 127.0.0.1:1 down;'])
    await children[0]?.restart()
    expect(serversIn(file)).toEqual(children.map(({ address }) => `server unix:${address} max_fails=0;`))
  })

  test('because its lock was lost is not written, not even at the close, until the lock is free', async () => {
    const file = path.join(newFolder(), 'app.conf')
    const options = { upstream: 'app', file, test: false, reload: false } as const
    const lost = newSpinner({ plugins: [nginx(options)] })
    const errors = errorsOf(lost)
    await Promise.all(['a', 'b'].map((name) => lost.start(hello(name))))
    const lock = path.join(path.dirname(file), '.app.conf.spinner-lock')
    unlinkSync(lock)
    const thief = await takeLock(realSys, file)
    const text = readText(file)
    await lost.start(hello('c'))
    await lost.stop('a')
    expect([readText(file), errors.map(({ message }) => message)]).toEqual([
      text,
      [expect.stringContaining(`is kept by another spinner of this process ('${lock}' says so)`)],
    ])
    thief.release()
    await lost.stop('b')
    expect(serversIn(file)).toEqual([`server unix:${lost.child('c')?.address} max_fails=0;`])
    unlinkSync(lock)
    const second = await takeLock(realSys, file)
    await lost.close()
    expect([serversIn(file).length, await second.isOurs(), errors.length]).toEqual([1, true, 2])
    expect(readText(file)).toContain('"c"')
    second.release()
  })
})
