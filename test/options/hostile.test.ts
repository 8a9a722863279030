import fc from 'fast-check'
import { expect, test } from 'vitest'
import { SpinnerError } from '../../src/errors.ts'
import { completeSettings, normaliseSpinner, readCall } from '../../src/options/normalise.ts'
import { CHILD_OPTIONS } from '../../src/options/table.ts'
import type { ChildSettings } from '../../src/types/options.ts'
import { newSpinner } from '../support/host.ts'

const DANGEROUS = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'valueOf']
const sleeper = { command: 'sleep', args: ['1000'], listen: null }

/** Returns the value of an action, or null if it throws the error for invalid options. Any other error is thrown. */
function outcomeOf<Value>(action: () => Value): Value | null {
  try {
    return action()
  } catch (thrown) {
    if (thrown instanceof SpinnerError && thrown.code === 'ERR_SPINNER_INVALID_OPTION') return null
    throw thrown
  }
}

const isDuration = (value: unknown): boolean =>
  typeof value === 'number' && Number.isFinite(value) && value >= 0

function expectValid(settings: ChildSettings): void {
  const { timeout, stopTimeout, idleTimeSec, restartTolerance, faultTimeout, drainTimeout } = settings
  for (const value of [timeout, stopTimeout, restartTolerance, faultTimeout, drainTimeout])
    expect(isDuration(value)).toBe(true)
  expect(idleTimeSec === null || isDuration(idleTimeSec)).toBe(true)
  for (const value of [settings.name, settings.command, ...settings.args]) expect(value).not.toContain('\0')
  for (const [key, value] of Object.entries(settings.env)) {
    expect(key).not.toMatch(/^$|=|\0/)
    expect(value === undefined || (typeof value === 'string' && !value.includes('\0'))).toBe(true)
  }
  expect(Number.isSafeInteger(settings.attempts) && settings.attempts >= 1).toBe(true)
  expect(Object.keys(settings).sort()).toEqual([...Object.keys(CHILD_OPTIONS)].sort())
}

const anything = fc.anything({
  withBigInt: true,
  withBoxedValues: true,
  withDate: true,
  withMap: true,
  withSet: true,
  withSparseArray: true,
  withTypedArray: true,
  withNullPrototype: true,
  withObjectString: true,
})
/** Values that some option accepts, so that not every object is invalid. */
const plausible = fc.constantFrom<unknown>(
  ...[0, 1, -1, 5, 2 ** 31, 1e300, '1s', '5m', 'a', 'node', 'SIGTERM', 'group', 'always', 'port', 'spawn'],
  ...[null, true, false, undefined, [], ['a'], {}, { A: 1 }, { http: '/' }, { output: /x/ }, { paths: 'a' }],
)
const KEYS = [...Object.keys(CHILD_OPTIONS), 'signal', 'concurrency', 'id', ...DANGEROUS]
const key = fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...KEYS) }, fc.string())
const value = fc.oneof(plausible, anything)
const someOptions = fc
  .array(fc.tuple(key, value), { maxLength: 5 })
  .map((entries) => Object.fromEntries(entries))

test('H64 any options give valid settings or the error for invalid options', () => {
  const untouched = Reflect.ownKeys(Object.prototype)
  const seen = { valid: 0, invalid: 0 }
  const check = (given: object): void => {
    const settings = outcomeOf(() => completeSettings(readCall(given), {}))
    if (settings) expectValid(settings)
    seen[settings ? 'valid' : 'invalid']++
  }
  fc.assert(fc.property(someOptions, check), { numRuns: 2_000 })
  // One invalid option hides the others, so each is also tried alone, with a valid name.
  const one = fc.tuple(fc.constantFrom(...Object.keys(CHILD_OPTIONS)), value)
  fc.assert(
    fc.property(one, ([option, given]) => check({ name: 'a', [option]: given })),
    { numRuns: 3_000 },
  )
  expect(seen.valid).toBeGreaterThan(300)
  expect(seen.invalid).toBeGreaterThan(300)
  expect(Reflect.ownKeys(Object.prototype)).toEqual(untouched)
})

test('H64 any defaults give valid settings or the error for invalid options', () => {
  const check = (given: object): void => {
    const made = outcomeOf(() => normaliseSpinner(given))
    const settings = made && outcomeOf(() => completeSettings(readCall({ name: 'a' }), made.defaults))
    if (settings) expectValid(settings)
  }
  fc.assert(fc.property(someOptions, check), { numRuns: 2_000 })
})

test.each(DANGEROUS)('H62 an option called `%s` is rejected as unknown', (dangerous) => {
  const given = JSON.parse(`{ "name": "a", ${JSON.stringify(dangerous)}: { "polluted": true } }`)
  const message = `\`${dangerous}\` is not an option`
  expect(() => readCall(given)).toThrow(message)
  const { name: _name, ...defaults } = given
  expect(() => normaliseSpinner({ ...defaults, ...JSON.parse(`{"${dangerous}": 1}`) })).toThrow(message)
  expect('polluted' in {}).toBe(false)
})

test('H62 children can be called `__proto__` and `constructor`', async () => {
  const spinner = newSpinner()
  await Promise.all(DANGEROUS.map((name) => spinner.start({ ...sleeper, name })))
  const all = spinner.list()
  expect(Object.getPrototypeOf(all)).toBeNull()
  expect(Object.keys(all).sort()).toEqual([...DANGEROUS].sort())
  for (const name of DANGEROUS) {
    expect(all[name]?.name).toBe(name)
    expect(spinner.get(name)?.state).toBe('started')
  }
  await spinner.stop('__proto__')
  expect(spinner.get('__proto__')?.state).toBe('stopped')
  expect(spinner.get('constructor')?.state).toBe('started')
})

test('H62 names that every object inherits are not found if no child has them', async () => {
  const spinner = newSpinner()
  for (const name of DANGEROUS) {
    expect(spinner.get(name)).toBeNull()
    expect(spinner.child(name)).toBeUndefined()
    await spinner.stop(name)
    await expect(spinner.restart(name)).rejects.toMatchObject({ code: 'ERR_SPINNER_NOT_FOUND' })
  }
})

test('H62 a variable called `__proto__` is an ordinary variable', () => {
  const env = JSON.parse('{ "__proto__": "odd", "constructor": 1 }')
  const settings = completeSettings(readCall({ name: 'a', env }), {})
  expect(Object.entries(settings.env)).toEqual([
    ['__proto__', 'odd'],
    ['constructor', '1'],
  ])
})

test('H65 arguments reach the program unchanged', async () => {
  const args = [
    '$(id)',
    '`id`',
    ';id',
    '&& id',
    '| id',
    '"',
    "'",
    '\\',
    '*',
    '~',
    '%PATH%',
    '\n',
    '',
    ' ',
    'é😀',
  ]
  const spinner = newSpinner({ listen: null, ready: { output: /\]$/ } })
  const program = 'console.log(JSON.stringify(process.argv.slice(1))); setInterval(() => {}, 1000)'
  await spinner.start({ name: 'a', args: ['-e', program, '--', ...args] })
  const lines = spinner.get('a')?.output ?? []
  expect(JSON.parse(lines.join('\n'))).toEqual(args)
})
