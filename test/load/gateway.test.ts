import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createGateway } from '../../src/gateway/index.ts'
import type { StartOptions } from '../../src/types/options.ts'
import type { Spinner } from '../../src/types/spinner.ts'
import { fixture, newFile, newSpinner, until } from '../support/host.ts'
import { type Answer, ask } from '../support/lives.ts'
import { newLoad } from '../support/load.ts'
import { has } from '../support/needs.ts'

/** `npm run load` has more rounds. */
const TIMES = process.env['LOAD_ROUNDS'] === undefined ? 25 : 50
const BROKEN_TIMES = 20
const isCompiled = has('cc')
let folder = ''
let program = ''

beforeAll(() => {
  if (!isCompiled) return
  folder = mkdtempSync(path.join(os.tmpdir(), 'spinner-load-'))
  program = path.join(folder, 'answers-http')
  const { status, stderr } = spawnSync('cc', ['-O1', '-o', program, fixture('answers-http.c')])
  if (status !== 0) throw new Error(String(stderr))
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** A small compiled server; without a compiler, a Node program that does the same. */
const app = (): StartOptions =>
  isCompiled
    ? { name: 'app', command: program, args: [] }
    : { name: 'app', script: fixture('hello.js'), monitor: null }

const ENDS: readonly (readonly [string, Partial<StartOptions>, (spinner: Spinner) => Promise<unknown>])[] = [
  ['stops', {}, (spinner) => spinner.stop('app')],
  ['restarts', {}, (spinner) => spinner.restart('app')],
  ['start-first restarts', { restartOrder: 'start-first' }, (spinner) => spinner.restart('app')],
]

describe.each(ENDS)(`under load, ${TIMES} %s of a child`, (_what, options, end) => {
  test.each([true, false])('fail no request, with keep-alive: %s', async (keepAlive) => {
    const spinner = newSpinner()
    const gateway = createGateway(spinner, { routes: [{ to: { ...app(), ...options } }], logger: null })
    const { port } = await gateway.listen()
    const load = newLoad({ host: '127.0.0.1', port: port as number }, { connections: 8, keepAlive, pause: 2 })
    await load.more(20)
    for (let left = TIMES; left > 0; left--) {
      await end(spinner)
      await until(() => spinner.get('app')?.state === 'started')
      await load.more(4)
    }
    const { statuses, ...counts } = await load.stop()
    expect(counts).toMatchObject({ failed: 0, reset: 0, resetReused: 0, cut: 0, other: 0 })
    expect(Object.keys(statuses)).toEqual(['200'])
    await spinner.close()
  })
})

describe.runIf(isCompiled)('a start-first restart', () => {
  /** Serves once the file exists; exits at once if the file contains `broken`. */
  const gated = (file: string): StartOptions => ({
    name: 'app',
    command: 'sh',
    args: [
      '-c',
      `until [ -e ${file} ]; do sleep 0.01; done; grep -q broken ${file} && exit 1; exec ${program}`,
    ],
    restartOrder: 'start-first',
    attempts: 1,
  })

  interface Served {
    readonly spinner: Spinner
    readonly file: string
    readonly port: number
    ask(): Promise<Answer>
  }

  async function served(): Promise<Served> {
    const file = newFile('go', '')
    const spinner = newSpinner()
    const gateway = createGateway(spinner, {
      routes: [{ host: 'app.localhost', to: gated(file) }],
      logger: null,
    })
    const { port } = await gateway.listen()
    return { spinner, file, port: port as number, ask: () => ask({ port: port as number }) }
  }

  test('delays no request: the old process responds until the new one does', async () => {
    const { ask, file, spinner } = await served()
    const { body: old } = await ask()
    rmSync(file)
    const restarted = spinner.restart('app')
    await until(() => spinner.get('app')?.state === 'restart')
    for (let left = 5; left > 0; left--) expect((await ask()).body).toBe(old)
    writeFileSync(file, '')
    await restarted
    expect((await ask()).body).toBe(String(spinner.get('app')?.pid))
    expect((await ask()).body).not.toBe(old)
  })

  test('H42: leaves the old process serving if the new version does not start', async () => {
    const { ask, file, spinner } = await served()
    const { body: old } = await ask()
    writeFileSync(file, 'broken')
    const failed = spinner.restart('app').catch((error) => error)
    await until(() => spinner.get('app')?.state === 'restart')
    expect((await ask()).body).toBe(old)
    expect(await failed).toMatchObject({ code: 'ERR_SPINNER_EXITED' })
    expect(await ask()).toMatchObject({ status: 200, body: old })
    writeFileSync(file, '')
    await spinner.restart('app')
    expect((await ask()).body).not.toBe(old)
  })

  test(`H42: fails no request under load, with ${BROKEN_TIMES} new versions that do not start`, async () => {
    const { ask, file, port, spinner } = await served()
    const { body: old } = await ask()
    writeFileSync(file, 'broken')
    const headers = { host: 'app.localhost' }
    const load = newLoad({ host: '127.0.0.1', port }, { connections: 8, keepAlive: true, pause: 2, headers })
    for (let left = BROKEN_TIMES; left > 0; left--) {
      await expect(spinner.restart('app')).rejects.toMatchObject({ code: 'ERR_SPINNER_EXITED' })
      await load.more(4)
    }
    const { statuses, ...counts } = await load.stop()
    expect(counts).toMatchObject({ failed: 0, reset: 0, resetReused: 0, cut: 0, other: 0 })
    expect(Object.keys(statuses)).toEqual(['200'])
    expect((await ask()).body).toBe(old)
  })
})

test('under load, a child that crashes loses only the requests that it had not answered', async () => {
  const spinner = newSpinner({ maxRestarts: 1_000, restartTolerance: 0 })
  const gateway = createGateway(spinner, { routes: [{ to: app() }], logger: null })
  const { port } = await gateway.listen()
  const [connections, crashes] = [8, 3]
  const load = newLoad(
    { host: '127.0.0.1', port: port as number },
    { connections, keepAlive: true, pause: 2 },
  )
  await load.more(20)
  for (let left = crashes; left > 0; left--) {
    const pid = await until(() => (spinner.get('app')?.state === 'started' ? spinner.get('app')?.pid : null))
    process.kill(pid, 'SIGKILL')
    await until(() => spinner.get('app')?.pid !== pid)
    await until(() => spinner.get('app')?.state === 'started')
    await load.more(20)
  }
  const { failed, statuses, ...counts } = await load.stop()
  expect(counts).toMatchObject({ reset: 0, cut: 0, other: 0 })
  expect(statuses[502] ?? 0).toBe(failed)
  expect(failed).toBeLessThanOrEqual(crashes * connections)
  await spinner.close()
})
