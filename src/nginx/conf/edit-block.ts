import { type Block, type Statement, statementsOf, Unreadable } from './parser.ts'

interface Edit {
  readonly start: number
  readonly end: number
  readonly text: string
}

/** What a line that holds nothing but the directive has around it. */
const WHITE_TO_THE_END = /[ \t]*(?:#[^\n]*)?\r?\n/y
const INDENT = '    '

/**
 * The same configuration with other `server` lines in the `upstream` block of that name. Every other byte stays as it
 * is. Throws `Unreadable` when the text cannot be read, and where there is not exactly one such block.
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
  return applied(text, edits)
}

interface Found {
  readonly statement: Statement
  readonly block: Block
}

/** An `upstream` of the `http` block; or at the top, in a file that is included there. */
export function findBlock(text: string, upstream: string): Found {
  const top = statementsOf(text)
  const http = top.filter(({ words }) => words[0] === 'http')
  const found = [...top, ...http.flatMap(({ block }) => block?.statements ?? [])].flatMap((statement) => {
    const { words, block } = statement
    const isIt = words.length === 2 && words[0] === 'upstream' && words[1] === upstream
    return block && isIt ? [{ statement, block }] : []
  })
  const [one, other] = found
  const last = text.split('\n').length
  if (!one) throw new Unreadable(last, `no block 'upstream ${upstream}' was found up to here`)
  if (other)
    throw new Unreadable(
      other.statement.line,
      `a second block 'upstream ${upstream}' stands here; the first is in line ${one.statement.line}`,
    )
  return one
}

/** What means the same stays as somebody wrote it. */
function replacement(old: Statement, wanted: string): Edit[] {
  const words = statementsOf(wanted)[0]?.words ?? []
  const isSame = words.length === old.words.length && words.every((word, index) => word === old.words[index])
  return isSame ? [] : [{ start: old.start, end: old.end, text: wanted }]
}

/** With its whole line, where nothing else stands on that. */
function removal(text: string, { start, end }: Statement): Edit {
  const lineStart = text.lastIndexOf('\n', start - 1) + 1
  const isFirst = /^[ \t]*$/.test(text.slice(lineStart, start))
  const rest = restOfLine(text, end)
  const isAlone = isFirst && rest !== null && /^\s*$/.test(rest)
  return isAlone ? { start: lineStart, end: end + rest.length, text: '' } : { start, end, text: '' }
}

/** Up to and with its end, where nothing or a comment is left on the line; else null. */
function restOfLine(text: string, at: number): string | null {
  WHITE_TO_THE_END.lastIndex = at
  return WHITE_TO_THE_END.exec(text)?.[0] ?? null
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
  const indent = first ? indentOf(text, first.start, statement) : indentOf(text, null, statement)
  const rest = after ? restOfLine(text, after.end) : null
  if (after && rest !== null) {
    const at = after.end + rest.length
    return [{ start: at, end: at, text: added.map((line) => `${indent}${line}${eol}`).join('') }]
  }
  const at = after?.end ?? block.open
  return [{ start: at, end: at, text: added.map((line) => `${eol}${indent}${line}`).join('') }]
}

/** That of the first directive of the block, or a step more than that of the block itself. */
function indentOf(text: string, start: number | null, around: Statement): string {
  const before = (at: number): string => text.slice(text.lastIndexOf('\n', at - 1) + 1, at)
  const own = start === null ? null : before(start)
  if (own !== null && /^[ \t]*$/.test(own)) return own
  return `${/^[ \t]*/.exec(before(around.start))?.[0] ?? ''}${INDENT}`
}

function applied(text: string, edits: readonly Edit[]): string {
  let result = text
  for (const { start, end, text: put } of [...edits].sort((a, b) => b.start - a.start || b.end - a.end))
    result = result.slice(0, start) + put + result.slice(end)
  return result
}
