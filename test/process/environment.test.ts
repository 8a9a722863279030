import { describe, expect, test } from 'vitest'
import { environmentFor } from '../../src/process/environment.ts'
import { realSys } from '../../src/sys.ts'
import type { StartOptions } from '../../src/types/options.ts'
import { sysWith } from '../support/clock.ts'
import { fixture, newSpinner } from '../support/host.ts'

const PRIVATE = [
  'NOTIFY_SOCKET',
  'WATCHDOG_PID',
  'WATCHDOG_USEC',
  'LISTEN_PID',
  'LISTEN_FDS',
  'LISTEN_FDNAMES',
  'NODE_CHANNEL_FD',
  'NODE_CHANNEL_SERIALIZATION_MODE',
  'NODE_UNIQUE_ID',
  'npm_lifecycle_event',
  'npm_lifecycle_script',
  'SPINNER_COOKIE',
  'SPINNER_ANYTHING',
  'PORT',
  'port',
]
const HARMLESS = [
  'HOME',
  'NODE_ENV',
  'LISTEN_ADDRESS',
  'MY_NOTIFY_SOCKET',
  'npm_package_name',
  'PORTS',
  'SPINNER',
]

type Environment = Record<string, string | undefined>
const inherit = { env: {}, extendEnv: true } as const

/** What a real child sees, besides its mark, that a host with these variables starts. */
async function seenBy(host: Environment, options: StartOptions): Promise<Environment> {
  const PATH = process.env['PATH']
  const spinner = newSpinner({ ready: { output: /^\{/ } }, sysWith({ env: { PATH, ...host } }))
  const env = { TEST_MARK: process.pid, ...options.env }
  await spinner.start({ script: fixture('prints-environment.js'), name: 'a', ...options, env })
  const { SPINNER_COOKIE, ...seen } = JSON.parse(spinner.get('a')?.output.join('') ?? '')
  expect(SPINNER_COOKIE).toMatch(/^(1\/)?[\da-f-]{36}\.1$/)
  return seen
}

describe('what a child inherits', () => {
  test.each(PRIVATE)('H25 %s belongs to the host alone', (key) => {
    expect(environmentFor(inherit, { [key]: '1', HOME: '/' }, null)).toEqual({ HOME: '/' })
    expect(environmentFor({ env: {}, extendEnv: [key] }, { [key]: '1' }, null)).toEqual({})
  })

  test.each(HARMLESS)('H25 %s is inherited', (key) => {
    expect(environmentFor(inherit, { [key]: '1' }, null)).toEqual({ [key]: '1' })
  })

  test('H25 a real child sees what is harmless and nothing of what is private', async () => {
    const host = Object.fromEntries([...PRIVATE, ...HARMLESS].map((key) => [key, '1']))
    const seen = await seenBy(host, { listen: null })
    for (const key of PRIVATE) expect(seen).not.toHaveProperty(key)
    for (const key of HARMLESS) expect(seen).toHaveProperty(key, '1')
  })

  test('H25 what is given in `env` is given, private or not', async () => {
    const seen = await seenBy({ PORT: '1' }, { listen: null, env: { NOTIFY_SOCKET: '/mine', PORT: 7 } })
    expect(seen).toMatchObject({ NOTIFY_SOCKET: '/mine', PORT: '7' })
  })

  test.each([
    ['--inspect', ''],
    ['--inspect=127.0.0.1:9229', ''],
    ['--inspect-brk --max-old-space-size=100', '--max-old-space-size=100'],
    ['--max-old-space-size=100 --inspect-port=0', '--max-old-space-size=100'],
    ['--inspect --inspect-wait=9230 --inspect-publish-uid=http', ''],
    ['--require ./--inspect.js --no-warnings', '--require ./--inspect.js --no-warnings'],
    ['--trace-warnings', '--trace-warnings'],
  ])('H25 of NODE_OPTIONS %j a child gets %j', (given, left) => {
    expect(environmentFor(inherit, { NODE_OPTIONS: given }, null)['NODE_OPTIONS']?.trim()).toBe(left)
  })

  test('H25 a host that is being debugged starts a child that is not', async () => {
    const seen = await seenBy({ NODE_OPTIONS: '--inspect=127.0.0.1:1 --no-deprecation' }, { listen: null })
    expect(seen['NODE_OPTIONS']).toBe('--no-deprecation')
  })

  test('`extendEnv: false` leaves only PATH and what `env` holds', async () => {
    const seen = await seenBy({ HOME: '/home' }, { listen: null, extendEnv: false, env: { A: 1 } })
    expect(Object.keys(seen).sort()).toEqual(['A', 'PATH', 'TEST_MARK'])
  })

  test('`extendEnv` may be a list of names', async () => {
    const host = { HOME: '/home', LANG: 'C', SECRET: 'x' }
    const seen = await seenBy(host, { listen: null, extendEnv: ['LANG', 'ABSENT'] })
    expect(Object.keys(seen).sort()).toEqual(['LANG', 'PATH', 'TEST_MARK'])
  })

  test('`env` is merged over what is inherited, and `undefined` removes', async () => {
    const given = { B: 2, C: undefined, D: true, E: '' }
    const seen = await seenBy({ A: 'a', B: 'b', C: 'c' }, { listen: null, env: given })
    expect(seen).toMatchObject({ A: 'a', B: '2', D: 'true', E: '' })
    expect(seen).not.toHaveProperty('C')
  })

  test('H62 a variable may be called `__proto__`', () => {
    const host: Environment = JSON.parse('{ "__proto__": "odd" }')
    for (const address of [null, '/a.sock']) {
      const env = environmentFor(inherit, host, address)
      expect(Object.entries(env)).toContainEqual(['__proto__', 'odd'])
    }
  })

  test('the environment of the host is not changed', () => {
    const host = Object.freeze({ NODE_OPTIONS: '--inspect', A: '1' })
    environmentFor({ env: { A: '2' }, extendEnv: true }, host, 80)
    expect(host).toEqual({ NODE_OPTIONS: '--inspect', A: '1' })
    expect(realSys.env).toBe(process.env)
  })
})

describe('the address', () => {
  test.each(['/tmp/a.sock', 23_117])('H25 %s comes last, as PORT and port', (address) => {
    const settings = { env: { PORT: 'mine', port: undefined }, extendEnv: true }
    const env = environmentFor(settings, { PORT: '80' }, address)
    expect(env).toMatchObject({ PORT: String(address), port: String(address) })
  })

  test('H25 a real child sees its own address, whatever the host and `env` say', async () => {
    const seen = await seenBy({ PORT: '80', port: '80' }, { listen: 'port', env: { PORT: '81', port: '82' } })
    expect(seen['PORT']).toMatch(/^\d{5}$/)
    expect(seen['port']).toBe(seen['PORT'])
  })
})
