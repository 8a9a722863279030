import { existsSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { pages, read } from './support/pages.ts'
import { root } from './support/programs.ts'

const PAGE = 'docs/hazards.md'

/** Files with code below a folder of the repository, relative to the repository. */
const filesBelow = (folder: string): string[] =>
  readdirSync(path.join(root, folder), { recursive: true })
    .map((file) => `${folder}/${String(file).replaceAll(path.sep, '/')}`)
    .filter((file) => /\.(ts|[cm]?js|c|py|sh)$/.test(file) && !file.includes('/node_modules/'))

const code = ['src', 'test', 'bench', 'scripts', 'examples'].flatMap(filesBelow)

/** One or more links to sections of the page, as in `hazards.md#h29, #h30` after a folder. */
const LINKS = /\bhazards\.md((?:,? ?#\w+)+)/g
/** A text that begins with one or more numbers, such as the title of a test. */
const TITLES = /(["'`])([HE]\d{1,2}[a-z]?(?:,? [HE]\d{1,2}[a-z]?)*)(?=[ :]|\1)/g
const COMMENTS = /\/\*.*?\*\/|(?<![:\w"'`/])\/\/[^\n]*/gs
const NUMBER = /\b[HE]\d{1,2}[a-z]?\b/g
const DOCUMENTS = '(?:HAZARDS|STYLE|PERFORMANCE|PEERS|REDESIGN|DESIGN|DEPENDENCIES)'

const linkedIn = (text: string): string[] =>
  [...text.matchAll(LINKS)].flatMap(([, links = '']) => links.match(/\w+/g) ?? [])

/** The numbers at the beginning of the titles in a file of tests; none in another file. */
function titlesOf(file: string): string[] {
  if (!file.startsWith('test/')) return []
  return [...read(file).matchAll(TITLES)].flatMap(([, , numbers = '']) =>
    (numbers.match(NUMBER) ?? []).map((number) => number.toLowerCase()),
  )
}

const commentsIn = (text: string): string[] => text.match(COMMENTS) ?? []

interface Section {
  readonly id: string
  readonly heading: string
  readonly tests: readonly string[]
}

const [, ...parts] = read(PAGE).split('<a id="')
const sections: readonly Section[] = parts.map((text) => ({
  id: /^\w+/.exec(text)?.[0] ?? '',
  heading: /^### (\w+): \S/m.exec(text)?.[1] ?? '',
  tests: [...(text.split('\nTests:\n')[1] ?? '').matchAll(/^- `([^`]+)`$/gm)].map(([, file = '']) => file),
}))
const anchors = sections.map(({ id }) => id)

const citedIn = (file: string): string[] => [...linkedIn(read(file)), ...titlesOf(file)]

describe('the page of hazards', () => {
  test('has a section for each number that is cited', () => {
    const cited = [...code, ...pages].flatMap((file) => citedIn(file).map((id) => ({ file, id })))
    expect(cited.length).toBeGreaterThan(300)
    expect(cited.filter(({ id }) => !anchors.includes(id))).toEqual([])
  })

  test('has no section that neither a source nor the title of a test cites', () => {
    const cited = new Set(
      code.flatMap((file) => (file.startsWith('src/') ? linkedIn(read(file)) : titlesOf(file))),
    )
    expect(anchors.filter((id) => !cited.has(id))).toEqual([])
  })

  test('has one anchor for each heading, with the same number', () => {
    expect(sections.filter(({ heading, id }) => heading.toLowerCase() !== id)).toEqual([])
    expect(read(PAGE).match(/^### /gm)).toHaveLength(anchors.length)
    expect(new Set(anchors).size).toBe(anchors.length)
  })

  for (const { heading, id, tests } of sections) {
    test(`lists for ${heading} tests that exist and cite it`, () => {
      expect(tests.length).toBeGreaterThan(0)
      expect(tests.filter((file) => !existsSync(path.join(root, file)))).toEqual([])
      expect(tests.filter((file) => !citedIn(file).includes(id))).toEqual([])
    })
  }
})

describe('what is cited can be looked up here', () => {
  const named = new RegExp(`\\b${DOCUMENTS}\\b`)
  /** In code the same word may be the name of a constant. */
  const citedByNumber = new RegExp(`\\b${DOCUMENTS}(?:\\.md\\b|,? [A-Z]-?\\d)`)

  test('no code cites a document that is not in the repository', () => {
    const wrong = code.filter((file) => {
      const text = read(file)
      return citedByNumber.test(text) || commentsIn(text).some((comment) => named.test(comment))
    })
    expect(wrong).toEqual([])
  })

  test('no page cites a document that is not in the repository', () => {
    expect(pages.filter((page) => named.test(read(page)))).toEqual([])
  })

  test('no comment cites a hazard by its number alone', () => {
    const bare = code.flatMap((file) => commentsIn(read(file)).filter((comment) => comment.match(NUMBER)))
    expect(bare).toEqual([])
  })
})
