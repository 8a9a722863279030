import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ConfigError } from '../../../src/cli/config/error.ts'
import { effective } from '../../../src/cli/config/model.ts'
import { understand } from '../../../src/cli/config/read.ts'

const POSITIONED = /^f:(\d+:\d+:| and \d+ more)/

/** Reads a text: it must be a configuration that can be printed, or result in a ConfigError whose lines have positions. */
function outcome(text: string): 'valid' | 'invalid' {
  try {
    JSON.stringify(effective(understand(text, 'f', text.includes('production') ? 'production' : null)))
    return 'valid'
  } catch (thrown) {
    // `expect` would take most of the time.
    const isWell =
      thrown instanceof ConfigError &&
      thrown.lines.length > 0 &&
      thrown.lines.every((line) => POSITIONED.test(line))
    if (!isWell) throw thrown
    return 'invalid'
  }
}

const FILES = [
  'defaults: &d { timeout: 5s }\nchildren:\n  web: { <<: *d, command: x, listen: 80, env: { A: 08 } }\n',
  'children:\n  a:\n    script: a.js\n    args: [b, "c"]\n    ready: { http: /up }\n',
  'pools:\n  p: { size: 2, port: 9000, command: y, checks: { memory: { limit: 100MB } } }\n',
  'children: { a: { command: x } }\ngateway:\n  listen: { port: 80 }\n  hosts: ["*"]\n  routes:\n    - { host: a.b, path: /c, to: a }\n',
  'nginx:\n  - { upstream: u, file: f }\nenvironments:\n  production:\n    children: { w: { monitor: [a] } }\n',
]

const PIECES = [
  '[',
  ']',
  '{',
  '}',
  ':',
  ': ',
  '- ',
  '? ',
  '&d ',
  '*d',
  '<<: ',
  '!!str ',
  '|',
  '>',
  '"',
  "'",
  '#',
  '\n',
  '\n  ',
  '\t',
  ',',
  '---\n',
  '%',
  '~',
  '__proto__',
  'null',
  '0100',
  '1:30',
  '\0',
  '\u2028',
  '\\',
  'environments',
  '*p',
  '\uFEFF',
  '🙂',
]

const mutation = fc.record({
  at: fc.nat({ max: 120 }),
  length: fc.nat({ max: 5 }),
  piece: fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...PIECES) },
    { weight: 1, arbitrary: fc.string({ maxLength: 8, unit: 'binary' }) },
  ),
})

const mutated = fc
  .tuple(fc.constantFrom(...FILES), fc.array(mutation, { minLength: 1, maxLength: 3 }))
  .map(([base, changes]) =>
    changes.reduce(
      (text, { at, length, piece }) => text.slice(0, at) + piece + text.slice(at + length),
      base,
    ),
  )

const random = fc
  .array(
    fc.oneof(fc.constantFrom(...PIECES, 'children', 'web', 'command', 'pools'), fc.string({ maxLength: 3 })),
    { maxLength: 40 },
  )
  .map((parts) => parts.join(''))

test('H63: a file with random changes is a configuration or a ConfigError', () => {
  const before = JSON.stringify(Object.getOwnPropertyNames(Object.prototype))
  const seen = { valid: 0, invalid: 0 }
  fc.assert(
    fc.property(
      fc.oneof({ weight: 3, arbitrary: mutated }, { weight: 1, arbitrary: random }),
      (text) => void seen[outcome(text)]++,
    ),
    { numRuns: 20_000 },
  )
  expect(seen.valid).toBeGreaterThan(100)
  expect(seen.invalid).toBeGreaterThan(1_000)
  expect(JSON.stringify(Object.getOwnPropertyNames(Object.prototype))).toBe(before)
  expect(Object.keys({})).toEqual([])
})

const many = (text: string, times: number): string => text.repeat(times)

test.each([
  '[',
  '{',
  '- ',
  '? ',
  'a: ',
  '- a\n',
  'a,',
  '#\n',
  '&a ',
  '*a ',
  '!a ',
  '---\n',
  '\n',
  ':',
  '%a\n',
  '|\n',
  '\t',
  ' ',
  ']',
  '"\\x" ',
  'a\n',
  '[]',
  '{a: ',
  ': \n',
  ',',
  "'",
  '\0',
  '- - ',
  '<<: {',
  '? - ',
])('H63: a megabyte of %j is read or rejected, and does not end the program', (piece) => {
  expect(outcome(many(piece, Math.floor(999_999 / piece.length)))).toMatch(/valid|invalid/)
})

test('H63: deep nesting by indentation is rejected like deep nesting by brackets', () => {
  const stairs = Array.from({ length: 1_200 }, (_, depth) => `${' '.repeat(depth)}a:`).join('\n')
  expect(outcome(stairs)).toBe('invalid')
})
