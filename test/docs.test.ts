import { cpSync, existsSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { CHILD_OPTIONS } from '../src/options/table.ts'
import { newFolder } from './support/host.ts'
import {
  blocksOf,
  entries,
  examplesOf,
  exportsOf,
  isFragment,
  pages,
  programOf,
  read,
  sources,
  usesSpinner,
} from './support/pages.ts'
import { type Outcome, root, run, runProgram, twoAtATime } from './support/programs.ts'

const blocks = pages.flatMap(blocksOf)
const examples = sources.flatMap(examplesOf)
const programs = [...blocks.filter((block) => usesSpinner(block) && !isFragment(block)), ...examples].map(
  programOf,
)

/** Returns the texts that a program prints according to its page, without those that vary or are only described. */
const promisedBy = (text: string): string[] =>
  [...text.matchAll(/console\.log\(.*\) \/\/ (.*)$/gm)]
    .flatMap(([, said = '']) => said.split(' · '))
    .filter((words) => !/[…:{]|\d{4}|, a /.test(words))

describe('the programs in the docs', () => {
  const outcomes = new Map<string, Outcome>()

  beforeAll(async () => {
    if (!existsSync(path.join(root, 'dist/index.js'))) throw new Error('dist/ is missing: npm run build')
    const ended = await twoAtATime(programs, runProgram)
    for (const [index, { title }] of programs.entries()) outcomes.set(title, ended[index] as Outcome)
  }, 120_000)

  test('are found on the pages and in the sources', () => {
    expect(blocks.length).toBeGreaterThan(8)
    expect(examples.length).toBeGreaterThan(5)
  })

  for (const { title } of programs) {
    test(`${title} runs to its end as it is written`, () => {
      expect(outcomes.get(title)).toMatchObject({ code: 0, output: expect.not.stringContaining('Warning') })
    })
  }

  for (const { title, text } of programs.filter(({ text }) => promisedBy(text).length > 0)) {
    test(`${title} prints what its comments say`, () => {
      for (const words of promisedBy(text)) expect(outcomes.get(title)?.output).toContain(words)
    })
  }

  test('the first program of the README prints what the README says', () => {
    const first = programs.find(({ file }) => file === 'server.mjs')
    expect(outcomes.get(first?.title ?? '')?.output).toContain('hello, world')
  })

  test('each block of JavaScript is run, is a file next to one that is run, or is marked as a fragment', () => {
    const others = blocks.filter((block) => !usesSpinner(block) && !isFragment(block))
    expect(
      others.filter(({ info }) => !/\.[cm]?js$/.test(info)).map(({ page, line }) => `${page}:${line}`),
    ).toEqual([])
  })
})

describe('the pages that are generated from code', () => {
  const docs = path.join(root, 'scripts/docs.mjs')

  test('are up to date', async () => {
    expect(await run(process.execPath, [docs, '--check'], root)).toMatchObject({ code: 0, output: '' })
  })

  test('are reported if they are out of date', async () => {
    const folder = newFolder()
    cpSync(path.join(root, 'docs'), folder, { recursive: true })
    writeFileSync(path.join(folder, 'options.md'), 'old')
    const outcome = await run(process.execPath, [docs, '--check', '--into', folder], root)
    expect(outcome).toMatchObject({
      code: 1,
      output: 'docs: docs/options.md is out of date; run `npm run docs`\n',
    })
  })
})

/** Returns the anchor of a heading. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\w\- ]/g, '')
    .replaceAll(' ', '-')

const headingsOf = (page: string): string[] =>
  [...read(page).matchAll(/^#+ (.*)$/gm)].map((match) => match[1] as string)

const linksOf = (page: string): string[] =>
  [...read(page).matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1] as string)

describe('the links between pages', () => {
  for (const page of pages) {
    test(`on ${page} lead to an existing page and heading`, () => {
      const dead = linksOf(page).filter((link) => {
        if (/^[a-z]+:/.test(link)) return false
        const [file, anchor] = link.split('#')
        const target = file ? path.posix.join(path.posix.dirname(page), file) : page
        if (!existsSync(path.join(root, target))) return true
        return anchor ? !headingsOf(target).map(anchorOf).includes(anchor) : false
      })
      expect(dead).toEqual([])
    })
  }

  test('lead from the README to every page', () => {
    const reached = linksOf('README.md').map((link) => link.split('#')[0])
    const pagesOfDocs = pages.filter((page) => page.startsWith('docs/'))
    expect(pagesOfDocs.filter((page) => !reached.includes(page))).toEqual([])
  })
})

describe('the public interface is documented', () => {
  const names = entries.flatMap(exportsOf)

  for (const { name, file } of names) {
    test(`the export ${name} of ${file} has a doc comment`, () => {
      const before = String.raw`\*/\n(?:export (?:declare )?(?:abstract )?(?:class|function|interface|type|const)) ${name}\b`
      expect(read(file)).toMatch(new RegExp(before))
    })
  }

  test('every error code has a section', () => {
    const union = /export type SpinnerErrorCode =([^;]*?)\n\n/s.exec(read('src/types/errors.ts'))?.[1] ?? ''
    const codes = [...union.matchAll(/'(ERR_\w+)'/g)].map((match) => match[1])
    expect(codes.length).toBeGreaterThan(5)
    expect(headingsOf('docs/events-and-errors.md').filter((heading) => heading.startsWith('ERR_'))).toEqual(
      codes,
    )
  })

  test('every event is in the table of events', () => {
    const body = /export interface ChildEvents \{(.*?)\n\}/s.exec(read('src/types/events.ts'))?.[1] ?? ''
    const events = [...body.matchAll(/^ {2}(\w+):/gm)].map((match) => match[1])
    const told = [...read('docs/events-and-errors.md').matchAll(/^\| `(\w+)` \| `\(/gm)].map(
      (match) => match[1],
    )
    expect(events.length).toBeGreaterThan(5)
    expect(told.sort()).toEqual(events.sort())
  })

  test('every option has a row with a meaning', () => {
    const rows = [...read('docs/options.md').matchAll(/^\| `(\w+)` \|.*\| ([^|]+) \|$/gm)]
    const told = rows.map((row) => row[1])
    expect(Object.keys(CHILD_OPTIONS).filter((key) => !told.includes(key))).toEqual([])
    expect(rows.filter((row) => (row[2] as string).trim().length < 5)).toEqual([])
  })
})
