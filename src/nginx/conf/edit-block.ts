import { type Block, NginxConfError, parseConf, type Statement } from './parser.ts'

interface Edit {
  readonly start: number
  readonly end: number
  readonly text: string
}

/** The rest of a line that contains nothing more, or only a comment. */
const REST_OF_LINE = /[ \t]*(?:#[^\n]*)?\r?\n/y
const INDENT = '    '

/**
 * Returns the configuration with other `server` lines in the `upstream` block of that name. Every other byte stays the
 * same. Throws `NginxConfError` if the text cannot be parsed, or does not contain exactly one such block.
 */
export function rewriteBlock(text: string, upstream: string, servers: readonly string[]): string {
  const { statement, block } = findBlock(text, upstream)
  const present = block.statements.filter(({ words, block: inner }) => words[0] === 'server' && !inner)
  const kept = present.slice(0, servers.length)
  const edits = [
    ...kept.flatMap((old, index) => replacement(old, servers[index] as string)),
    ...present.slice(servers.length).map((old) => removal(text, old)),
    ...insertion(text, statement, block, servers.slice(present.length), kept.at(-1)),
  ]
  return applyEdits(text, edits)
}

interface FoundBlock {
  readonly statement: Statement
  readonly block: Block
}

/** Finds an `upstream` block in the `http` block, or at the top level of a file that is included there. */
export function findBlock(text: string, upstream: string): FoundBlock {
  const top = parseConf(text)
  const http = top.filter(({ words }) => words[0] === 'http')
  const found = [...top, ...http.flatMap(({ block }) => block?.statements ?? [])].flatMap((statement) => {
    const { words, block } = statement
    const isWanted = words.length === 2 && words[0] === 'upstream' && words[1] === upstream
    return block && isWanted ? [{ statement, block }] : []
  })
  const [first, second] = found
  const lastLine = text.split('\n').length
  if (!first) throw new NginxConfError(lastLine, `no block 'upstream ${upstream}' up to this line`)
  if (second)
    throw new NginxConfError(
      second.statement.line,
      `a second block 'upstream ${upstream}'; the first is in line ${first.statement.line}`,
    )
  return first
}

/** Replaces a directive, unless it already means the same: then it stays as it is written. */
function replacement(old: Statement, wanted: string): Edit[] {
  const words = parseConf(wanted)[0]?.words ?? []
  const isSame = words.length === old.words.length && words.every((word, index) => word === old.words[index])
  return isSame ? [] : [{ start: old.start, end: old.end, text: wanted }]
}

/** Removes a directive, and its line if nothing else is on it. */
function removal(text: string, { start, end }: Statement): Edit {
  const lineStart = text.lastIndexOf('\n', start - 1) + 1
  const isFirst = /^[ \t]*$/.test(text.slice(lineStart, start))
  const rest = restOfLine(text, end)
  const isAlone = isFirst && rest !== null && /^\s*$/.test(rest)
  return isAlone ? { start: lineStart, end: end + rest.length, text: '' } : { start, end, text: '' }
}

/** Returns the rest of the line with its line break if it contains no further directive, otherwise null. */
function restOfLine(text: string, at: number): string | null {
  REST_OF_LINE.lastIndex = at
  return REST_OF_LINE.exec(text)?.[0] ?? null
}

function insertion(
  text: string,
  statement: Statement,
  block: Block,
  added: readonly string[],
  after: Statement | undefined,
): Edit[] {
  if (added.length === 0) return []
  const eol = text.slice(statement.start).match(/\r?\n/)?.[0] ?? '\n'
  const [first] = block.statements
  const indent = indentOf(text, first?.start ?? null, statement)
  const rest = after ? restOfLine(text, after.end) : null
  if (after && rest !== null) {
    const at = after.end + rest.length
    return [{ start: at, end: at, text: added.map((line) => `${indent}${line}${eol}`).join('') }]
  }
  const at = after?.end ?? block.open
  return [{ start: at, end: at, text: added.map((line) => `${eol}${indent}${line}`).join('') }]
}

/** Returns the indentation of the first directive of a block, or one level more than that of the block itself. */
function indentOf(text: string, firstStart: number | null, statement: Statement): string {
  const lineBefore = (at: number): string => text.slice(text.lastIndexOf('\n', at - 1) + 1, at)
  const own = firstStart === null ? null : lineBefore(firstStart)
  if (own !== null && /^[ \t]*$/.test(own)) return own
  return `${/^[ \t]*/.exec(lineBefore(statement.start))?.[0] ?? ''}${INDENT}`
}

function applyEdits(text: string, edits: readonly Edit[]): string {
  // From the end to the beginning, so that earlier positions stay valid.
  const ordered = [...edits].sort((a, b) => b.start - a.start || b.end - a.end)
  return ordered.reduce((result, { start, end, text: inserted }) => {
    return result.slice(0, start) + inserted + result.slice(end)
  }, text)
}
