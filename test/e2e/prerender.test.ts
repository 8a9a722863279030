import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { get, next, until } from '../support/host.ts'
import { all, type Seen } from '../support/hosts.ts'
import { newLoad } from '../support/load.ts'
import { has } from '../support/needs.ts'
import { freePort } from '../support/nginx.ts'
import { read } from '../support/pages.ts'
import { root } from '../support/programs.ts'

/** Mark of the example. It is not TEST_MARK, because all tests share one run, which must stay alive after each test. */
const MARK = `PRERENDER=${process.pid}`
const WRITTEN = 'The thousandth prime is 7919.'

/**
 * Returns the processes of the example. Chromium's helpers overwrite their environment with the mark in it, but they
 * descend from a process that has the mark.
 */
function family(): Seen[] {
  const others = new Set(all())
  const found: Seen[] = []
  const pids = new Set<number>()
  for (let before = -1; before < found.length; ) {
    before = found.length
    for (const seen of others) {
      if (!seen.environment.includes(MARK) && !pids.has(seen.parent)) continue
      others.delete(seen)
      pids.add(seen.pid)
      found.push(seen)
    }
  }
  return found
}

const isBrowser = ({ command }: Seen): boolean => /chrom/.test(command[0] ?? '')
const isRenderer = ({ command }: Seen): boolean => command.some((word) => word.endsWith('renderer.js'))

/** Returns whether the process is alive and its pid does not belong to another process by now. */
function lives({ pid, command }: Seen): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8') === command.join('\0') && command.length > 1
  } catch {
    return false
  }
}

describe.runIf(has('nginx') && has('chromium'))('the example of browsers behind nginx', () => {
  const known = new Map<number, Seen>()
  let folder: string
  let target: { host: string; port: number }
  let host: ChildProcess
  let ended: Promise<unknown[]>
  let output = ''

  const says = (what: RegExp): Promise<RegExpExecArray> =>
    until(() => what.exec(output), `${what}`).catch((thrown) => {
      throw new Error(`${thrown.message}; the example printed:\n${output}`)
    })
  /** Returns the current processes and remembers them, because all must be gone at the end. */
  const remember = (): Seen[] => {
    const found = family()
    for (const seen of found) known.set(seen.pid, seen)
    return found
  }
  const remain = (): boolean => [...known.values()].some(lives)

  beforeAll(async () => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'spinner-prerender-'))
    target = { host: '127.0.0.1', port: await freePort() }
    host = spawn(process.execPath, ['examples/prerender', '--port', String(target.port)], {
      cwd: root,
      env: { ...process.env, TMPDIR: folder, XDG_RUNTIME_DIR: '', PRERENDER: String(process.pid) },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    ended = next(host, 'exit')
    for (const stream of [host.stdout, host.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        output += text
      })
    }
    await Promise.race([says(/^Open http.*/m), ended])
    expect(output).toContain(`Open http://127.0.0.1:${target.port}/`)
    remember()
  })

  afterAll(async () => {
    if (host?.exitCode === null) host.kill('SIGKILL')
    await ended
    await until(() => !remain(), 'the exit of the example')
    rmSync(folder, { recursive: true, force: true })
  })

  test('a page that is requested through nginx has the content that its script creates', async () => {
    for (const file of ['app/index.html', 'app/app.js', 'site.js', 'renderer.js'])
      expect(read(`examples/prerender/${file}`)).not.toContain('7919')
    expect(await get(target, '/')).toContain(`<p>${WRITTEN}</p>`)
    expect(await get(target, '/browser')).toContain('HeadlessChrome/')
  })

  test('files of the app are sent unchanged, and a missing page or file is a 404', async () => {
    expect(await get(target, '/app.js')).toBe(read('examples/prerender/app/app.js'))
    const paths = ['/no-page', '/no-file.js', '/']
    const answers = await Promise.all(paths.map((name) => fetch(`http://127.0.0.1:${target.port}${name}`)))
    expect(answers.map(({ status }) => status)).toEqual([404, 404, 200])
    expect(await answers[0]?.text()).toContain('There is no such page.')
    await Promise.all(answers.slice(1).map((answer) => answer.text()))
  })

  test('SIGUSR2 restarts all renderers under load, and no request fails', async () => {
    const before = remember().filter(isRenderer)
    const load = newLoad(target, { connections: 2, pause: 250 })
    onTestFinished(() => void load.stop())
    await load.more(2)
    host.kill('SIGUSR2')
    await says(/renderer-0: restarted/)
    await says(/renderer-1: restarted/)
    await load.more(4)
    const { ok, failed, reset, cut, other, statuses } = await load.stop()
    expect({ failed, reset, cut, other, statuses }).toEqual({
      ...{ failed: 0, reset: 0, cut: 0, other: 0 },
      statuses: { 200: ok },
    })
    await until(() => !before.some(lives), 'the exit of the old renderers')
    expect([before.length, remember().filter(isRenderer).length]).toEqual([2, 2])
  }, 120_000)

  test('a renderer that is killed with its browser starts again, and nginx uses the other one meanwhile', async () => {
    const [, socketPath = '', pid] = await says(/renderer-0: restarted on (\S+) \(pid (\d+)\)/)
    const browser = remember().find((seen) => seen.parent === Number(pid) && isBrowser(seen))
    for (const victim of [Number(pid), browser?.pid as number]) process.kill(victim, 'SIGKILL')
    expect(await get(target, '/')).toContain(WRITTEN)
    await says(/renderer-0: restarts, because .*SIGKILL(.|\n)*renderer-0: restarted on/)
    expect(await get({ socketPath }, '/')).toContain(WRITTEN)
    expect(family().some((seen) => seen.pid === Number(pid))).toBe(false)
  })

  test('SIGTERM ends the example and leaves no browser, no helper of a browser, no nginx and no file', async () => {
    remember()
    const helpers = [...known.values()].filter(({ command }) => command.join().includes('--type='))
    expect(helpers.length).toBeGreaterThan(4)
    host.kill('SIGTERM')
    expect(await ended).toEqual([0, null])
    await until(() => !remain(), 'the exit of all processes')
    expect(family()).toEqual([])
    expect(readdirSync(folder)).toEqual([])
    expect(output).not.toMatch(/nginx is not running|faulted/)
  })
})
