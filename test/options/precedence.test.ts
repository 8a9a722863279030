import { expect, test } from 'vitest'
import { completeSettings, normaliseSpinner, readCall } from '../../src/options/normalise.ts'

const invalid = expect.objectContaining({ code: 'ERR_SPINNER_INVALID_OPTION' })

function deepFreeze<Value extends object>(value: Value): Value {
  for (const inner of Object.values(value))
    if (typeof inner === 'object' && inner !== null && !(inner instanceof RegExp)) deepFreeze(inner)
  return Object.freeze(value)
}

const everything = () => ({
  name: 'a',
  script: 'app.js',
  args: ['-v'],
  env: { A: 1, B: undefined },
  extendEnv: ['HOME'],
  monitor: { paths: ['lib'], ignore: ['tmp', /x/], debounce: 1 },
  ready: { http: '/healthz' },
  checks: [{ name: 'well', interval: 5, retries: 3, run: async () => {} }],
})

test('the objects of the caller are not changed, and can be frozen', () => {
  const given = everything()
  const before = structuredClone({ ...given, checks: [] })
  completeSettings(readCall(given), {})
  expect({ ...given, checks: [] }).toEqual(before)
  expect(() => completeSettings(readCall(deepFreeze(everything())), {})).not.toThrow()
})

test('later changes of the objects of the caller have no effect', () => {
  const given = everything()
  const settings = completeSettings(readCall(given), {})
  given.args.push('--late')
  given.env.A = 2
  given.monitor.paths.push('late')
  given.extendEnv.push('LATE')
  given.checks.pop()
  expect(settings.args).toEqual(['app.js', '-v'])
  expect(settings.env).toEqual({ A: '1', B: undefined })
  expect(settings.monitor?.paths).toEqual(['lib'])
  expect(settings.extendEnv).toEqual(['HOME'])
  expect(settings.checks).toHaveLength(1)
})

test('settings are frozen at all levels', () => {
  const settings = completeSettings(readCall(everything()), {})
  for (const part of [settings, settings.args, settings.env, settings.monitor, settings.checks])
    expect(Object.isFrozen(part)).toBe(true)
})

test('every getter is called once', () => {
  const reads: Record<string, number> = {}
  const counted = (values: Record<string, unknown>, prefix = ''): Record<string, unknown> => {
    const given = {}
    for (const [key, value] of Object.entries(values)) {
      const get = (): unknown => {
        reads[prefix + key] = (reads[prefix + key] ?? 0) + 1
        return value
      }
      Object.defineProperty(given, key, { enumerable: true, get })
    }
    return given
  }
  const values = everything()
  const given = counted({
    ...values,
    env: counted(values.env, 'env.'),
    monitor: counted(values.monitor, 'monitor.'),
    ready: counted(values.ready, 'ready.'),
  })
  completeSettings(readCall(given), {})
  expect(reads).toMatchObject({ name: 1, 'env.A': 1, 'monitor.paths': 1, 'ready.http': 1 })
  expect(new Set(Object.values(reads))).toEqual(new Set([1]))
})

const boom = (): never => {
  throw new Error('boom')
}
const hostileError = Object.defineProperty(new Error('x'), 'message', { get: boom })
const revoked = (): object => {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}

test.each([
  ['a getter that throws', Object.defineProperty({}, 'name', { enumerable: true, get: boom })],
  ['a proxy that throws in every trap', new Proxy({}, { get: boom, ownKeys: boom, has: boom })],
  ['a proxy that was revoked', revoked()],
  ['a list that throws', { name: 'a', args: new Proxy([], { get: boom }) }],
  ['an environment that throws', { name: 'a', env: new Proxy({}, { ownKeys: boom }) }],
  ['a logger that throws', { name: 'a', logger: new Proxy({}, { get: boom }) }],
  ['a revoked value', { name: revoked() }],
  [
    'an error whose message throws',
    {
      get name() {
        throw hostileError
      },
    },
  ],
])('%s results in the error for invalid options', (_what, given) => {
  expect(() => readCall(given)).toThrow(invalid)
})

test.each([undefined, null, 5, true, [], () => {}, Symbol('x'), ''])(
  '%s is rejected instead of an object',
  (given) => {
    expect(() => readCall(given)).toThrow(invalid)
    expect(() => normaliseSpinner(given)).toThrow(invalid)
  },
)

test('options can be in an object without a prototype, and inherited properties are ignored', () => {
  const bare: object = Object.assign(Object.create(null), { name: 'a' })
  expect(readCall(bare).name).toBe('a')
  expect(() => readCall(Object.create({ name: 'a' }))).toThrow(invalid)
})
