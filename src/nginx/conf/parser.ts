/** One directive, with what is in its brackets if it has some. Offsets are those of the text. */
export interface Statement {
  readonly words: readonly string[]
  readonly line: number
  readonly start: number
  /** Behind the semicolon, or behind the closing bracket. */
  readonly end: number
  readonly block: Block | null
}

/** What stands between two brackets. */
export interface Block {
  /** Behind the opening bracket. */
  readonly open: number
  readonly statements: readonly Statement[]
}

/** Its language is not nginx's: an apostrophe there would be taken for a quote. */
const LUA = /_by_lua_block$/
/** More than any configuration has, and less than a stack. */
const DEEPEST = 100

/** Reads a whole configuration, or a part that others include; throws `Unreadable`. */
export function statementsOf(text: string): Statement[] {
  return statementsIn(tokensOf(text), null, 0).found
}

interface Found {
  readonly found: Statement[]
  readonly end: number
}

function statementsIn(tokens: Generator<Token>, opener: Token | null, depth: number): Found {
  if (opener && depth > DEEPEST)
    throw new Unreadable(opener.line, `blocks are nested more than ${DEEPEST} deep`)
  const found: Statement[] = []
  let words: Token[] = []
  // No `for … of`: it would close the tokens, which the block around this one goes on with.
  for (let { done, value: token } = tokens.next(); !done; { done, value: token } = tokens.next()) {
    if (token.kind === 'word') {
      words.push(token)
      continue
    }
    const [first] = words
    if (token.kind === '}') {
      if (first) throw unended(first)
      if (!opener) throw new Unreadable(token.line, 'a } has nothing to close')
      return { found, end: token.end }
    }
    if (!first) throw new Unreadable(token.line, `a ${token.kind} has no directive before it`)
    found.push(statement(words, token, () => statementsIn(tokens, first, depth + 1)))
    words = []
  }
  const [first] = words
  if (first) throw unended(first)
  if (opener) throw new Unreadable(opener.line, `the block ${quoteToken(opener.value)} is never closed`)
  return { found, end: 0 }
}

const unended = ({ line, value }: Token): Unreadable =>
  new Unreadable(line, `the directive ${quoteToken(value)} does not end`)

function statement(words: readonly Token[], last: Token, inside: () => Found): Statement {
  const { start, line, value } = words[0] as Token
  const values = words.map((word) => word.value)
  if (last.kind === ';') return { words: values, start, end: last.end, line, block: null }
  if (LUA.test(value)) throw new Unreadable(line, `${quoteToken(value)} holds Lua, which is not read here`)
  const { found, end } = inside()
  return { words: values, start, end, line, block: { open: last.end, statements: found } }
}

/** A word or a sign of nginx's configuration language, and where it stands. */
export interface Token {
  readonly kind: 'word' | ';' | '{' | '}'
  /** What nginx reads: without quotes, escapes resolved. */
  readonly value: string
  readonly start: number
  readonly end: number
  readonly line: number
}

/** A text that nginx could not read either, or that is not to be read here. */
export class Unreadable extends Error {
  readonly line: number

  constructor(line: number, why: string) {
    super(why)
    this.line = line
  }
}

/** White space and comments; to nginx only these four are white. */
const BETWEEN = /(?:[ \t\r\n]+|#[^\n]*)*/y
const QUOTED = /"([^"\\]*(?:\\[\s\S][^"\\]*)*)"|'([^'\\]*(?:\\[\s\S][^'\\]*)*)'/y
/** A backslash takes the next character along, and a bracket after a dollar begins no block. */
const WORD = /(?:[^ \t\r\n;{\\$]+|\\[\s\S]|\$\{*)+/y
const AFTER_QUOTED = /[ \t\r\n;{)]/

/** Splits a configuration as nginx's own `ngx_conf_read_token` does; throws `Unreadable` where that fails. */
export function* tokensOf(text: string): Generator<Token> {
  let line = 1
  let at = 0
  for (;;) {
    const start = at + (match(BETWEEN, text, at)?.[0].length ?? 0)
    line += newlines(text, at, start)
    if (start === text.length) return
    const token = tokenAt(text, start, line)
    yield token
    line += newlines(text, start, token.end)
    at = token.end
  }
}

function tokenAt(text: string, start: number, line: number): Token {
  const sign = text[start] as string
  if (sign === ';' || sign === '{' || sign === '}')
    return { kind: sign, value: sign, start, end: start + 1, line }
  const isQuoted = sign === '"' || sign === "'"
  const found = match(isQuoted ? QUOTED : WORD, text, start)
  if (!found) throw new Unreadable(line, isQuoted ? `a quote (${sign}) is never closed` : 'it ends with \\')
  const end = start + found[0].length
  const next = text[end]
  if (isQuoted && next !== undefined && !AFTER_QUOTED.test(next))
    throw new Unreadable(line, `a space is missing after the quoted ${quoteToken(found[0])}`)
  return { kind: 'word', value: unescaped(found[1] ?? found[2] ?? found[0]), start, end, line }
}

function match(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at
  return pattern.exec(text)
}

const CONTROLS: Readonly<Record<string, string>> = { t: '\t', r: '\r', n: '\n' }

/** A backslash before anything else stays. */
const unescaped = (word: string): string =>
  word.replace(/\\(["'\\trn])/g, (_whole, sign: string) => CONTROLS[sign] ?? sign)

function newlines(text: string, from: number, to: number): number {
  let count = 0
  for (let at = from; at < to; at++) if (text[at] === '\n') count++
  return count
}

const LONGEST = 40
export const quoteToken = (word: string): string =>
  JSON.stringify(word.length > LONGEST ? `${word.slice(0, LONGEST)}…` : word)
