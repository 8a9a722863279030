import { readdirSync } from 'node:fs'
import path from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { read } from './support/pages.ts'
import { type Outcome, root, run, twoAtATime } from './support/programs.ts'

/** A part of the output of each example if it succeeds. */
const SAYS: Readonly<Record<string, string>> = {
  'callback-0.3.cjs': 'DATA <hello, world>',
  'express.js': '/docs/b 200 hello, world',
  'fastify.js': 'POST /docs/b 200 hello, world',
  'proxy.js': '/docs/a: docs answers /a',
  'test-harness.js': '2 checks passed',
  'tour.js': 'the next start() starts it again',
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

  test('are all listed in this test', () => {
    expect(examples.sort()).toEqual(Object.keys(SAYS).sort())
  })

  for (const [file, says] of Object.entries(SAYS)) {
    test(`${file} runs to its end and prints its result`, () => {
      expect(outcomes.get(file)).toMatchObject({ code: 0, output: expect.stringContaining(says) })
    })

    test(`${file} is short enough to fit on a screen`, () => {
      expect(read(`examples/${file}`).split('\n').length).toBeLessThanOrEqual(61)
    })
  }
})
