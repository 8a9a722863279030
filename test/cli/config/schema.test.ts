import { expect, test } from 'vitest'
import { understand } from '../../../src/cli/config/read.ts'
import { fileSchema } from '../../../src/cli/config/schema.ts'
import { CHILD_OPTIONS } from '../../../src/options/table.ts'

const childOf = (line: string): unknown =>
  understand(`children: { a: { command: x, ${line} } }`, 'spinner.yml', null).children.get('a')

test('a file can write every option of a child, except the name and the logger', () => {
  const { $defs } = fileSchema() as { $defs: { child: { properties: object } } }
  const missing = Object.keys(CHILD_OPTIONS).filter((key) => !Object.hasOwn($defs.child.properties, key))
  expect(missing).toEqual(['name', 'logger'])
})

test.each([
  ['warm', true],
  ['drainTimeout', '5m'],
  ['restartOrder', 'start-first'],
  ['maxRestarts', 2],
  ['idleTimeSec', null],
])('an option that is one scalar, such as `%s`, is read as its row in the table says', (key, value) => {
  expect(childOf(`${key}: ${value}`)).toMatchObject({ [key]: value })
  expect(() => childOf(`${key}: [1]`)).toThrow(`\`${key}\` must be `)
})

test('a number that can be read in two ways is explained only if the option takes a number', () => {
  expect(() => childOf('maxRestarts: 010')).toThrow("'010' is 8 in YAML 1.1 and 10 in YAML 1.2")
  expect(() => childOf('stopScope: 010')).toThrow("`stopScope` must be 'group' or 'leader', but it is '010'")
  expect(() => childOf('extendEnv: 010')).toThrow('`extendEnv` must be ')
})
