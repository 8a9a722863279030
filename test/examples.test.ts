import { readdirSync } from 'node:fs'
import path from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { read } from './support/pages.ts'
import { type Outcome, root, run, twoAtATime } from './support/programs.ts'

/** A part of what each example prints when all went well. */
const SAYS: Readonly<Record<string, string>> = {
  'callback-0.3.cjs': 'DATA <hello, world>',
  'express.js': '/docs/b 200 hello, world',
  'fastify.js': 'POST /docs/b 200 hello, world',
  'proxy.js': '/docs/a: docs answers /a',
  'test-harness.js': '2 checks passed',
  'tour.js': 'the next start() brings it back',
  'worker-stdin.js': 'SPINNER',
}

const examples = readdirSync(path.join(root, 'examples')).filter((file) => /\.[cm]?js$/.test(file))

describe('the examples', () => {
  const outcomes = new Map<string, Outcome>()

  beforeAll(async () => {
    const ended = await twoAtATime(examples, (file) =>
      run(process.execPath, [path.join('examples', file)], root),
    )
    for (const [index, file] of examples.entries()) outcomes.set(file, ended[index] as Outcome)
  }, 120_000)

  test('are all known here', () => {
    expect(examples.sort()).toEqual(Object.keys(SAYS).sort())
  })

  for (const [file, says] of Object.entries(SAYS)) {
    test(`${file} runs to its end and says what it is for`, () => {
      expect(outcomes.get(file)).toMatchObject({ code: 0, output: expect.stringContaining(says) })
    })

    test(`${file} is short enough to be read at once`, () => {
      expect(read(`examples/${file}`).split('\n').length).toBeLessThanOrEqual(61)
    })
  }
})
