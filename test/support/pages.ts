import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { type Program, root } from './programs.ts'

/** A fenced block of JavaScript on a page. */
export interface Block {
  readonly page: string
  readonly line: number
  /** The text after `js` on the fence: a file name, `fragment` or nothing. */
  readonly info: string
  readonly text: string
}

export const read = (file: string): string => readFileSync(path.join(root, file), 'utf8')

const docs = readdirSync(path.join(root, 'docs')).filter((file) => file.endsWith('.md'))

/** All pages for readers, relative to the repository. */
export const pages: readonly string[] = [
  'README.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  ...docs.map((file) => `docs/${file}`),
]

/** The files of `src/`, relative to the repository. */
export const sources: readonly string[] = readdirSync(path.join(root, 'src'), { recursive: true })
  .map((file) => `src/${String(file).replaceAll(path.sep, '/')}`)
  .filter((file) => file.endsWith('.ts'))
  .sort()

/** The sources of the entry points of the package. */
export const entries: readonly string[] = Object.values(
  (JSON.parse(read('package.json')) as { exports: Record<string, string | { default: string }> }).exports,
)
  .map((entry) => (typeof entry === 'string' ? entry : entry.default))
  .filter((file) => file.endsWith('.js'))
  .map((file) => file.replace(/^\.\/dist\/(.*)\.js$/, 'src/$1.ts'))

/** Returns the names that an entry point exports, and the file that declares each of them. */
export function exportsOf(entry: string): { name: string; file: string }[] {
  const text = read(entry)
  const handedOn = [...text.matchAll(/^export (?:type )?\{([^}]*)\} from '([^']+)'/gm)]
  const made = [...text.matchAll(/^export (?:function|class|interface|type|const) (\w+)/gm)]
  return [
    ...made.map(([, name = '']) => ({ name, file: entry })),
    ...handedOn.flatMap(([, list = '', from = '']) =>
      list
        .split(',')
        .map((name) =>
          name
            .replace(/\btype\b/, '')
            .replace(/ as \w+/, '')
            .trim(),
        )
        .filter((name) => name !== '')
        .map((name) => ({ name, file: path.posix.join(path.posix.dirname(entry), from) })),
    ),
  ]
}

const lineAt = (text: string, index: number): number => text.slice(0, index).split('\n').length

/** Returns the blocks of JavaScript on a page. */
export function blocksOf(page: string): Block[] {
  const text = read(page)
  return [...text.matchAll(/^```(?:js|javascript)\b *([^\n]*)\n(.*?)^```/gms)].map((match) => ({
    page,
    line: lineAt(text, match.index),
    info: match[1] as string,
    text: match[2] as string,
  }))
}

/** Returns the examples in the doc comments of a source file. */
export function examplesOf(file: string): Block[] {
  const text = read(file)
  return [...text.matchAll(/^ *\* @example\n(.*?)^ *(?:\*\/|\* @)/gms)].map((match) => ({
    page: file,
    line: lineAt(text, match.index),
    info: '',
    text: (match[1] as string).replace(/^ *\* ?/gm, ''),
  }))
}

export const usesSpinner = ({ text }: Block): boolean => /(from |require\()'spinner'/.test(text)
export const isFragment = ({ info }: Block): boolean => info === 'fragment'

/** Returns a block as a program, with the named blocks of its page and of the README as files next to it. */
export function programOf(block: Block): Program {
  const named = [...blocksOf('README.md'), ...(block.page.endsWith('.md') ? blocksOf(block.page) : [])]
    .filter(({ info }) => info.includes('.'))
    .map(({ info, text }) => [info, text])
  const kind = block.text.includes("require('spinner')") ? 'cjs' : 'mjs'
  const file = block.info.includes('.') ? block.info : `program.${kind}`
  return { title: `${block.page}:${block.line}`, file, text: block.text, beside: Object.fromEntries(named) }
}
