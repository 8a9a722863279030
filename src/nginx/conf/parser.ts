/** A directive of nginx's configuration, with its block if it has one. Positions are offsets in the text. */
export interface Statement {
  readonly words: readonly string[]
  readonly line: number
  readonly start: number
  /** Position after the semicolon or the closing brace. */
  readonly end: number
  readonly block: Block | null
}

/** The directives between two braces. */
export interface Block {
  /** Position after the opening brace. */
  readonly open: number
  readonly statements: readonly Statement[]
}

/** Blocks in Lua, which has another syntax: an apostrophe in it would be read as a quote. */
const LUA_BLOCK = /_by_lua_block$/
/** More levels than any configuration has, and fewer than would overflow the stack. */
const MAX_DEPTH = 100

/** Parses a whole configuration, or a file that another one includes. Throws `NginxConfError`. */
export function parseConf(text: string): Statement[] {
  return parseBlock(tokenize(text), null, 0).statements
}

interface ParsedBlock {
  readonly statements: Statement[]
  readonly end: number
}

function parseBlock(tokens: Generator<Token>, opener: Token | null, depth: number): ParsedBlock {
  if (opener && depth > MAX_DEPTH)
    throw new NginxConfError(opener.line, `blocks are nested more than ${MAX_DEPTH} levels deep`)
  const statements: Statement[] = []
  let words: Token[] = []
  // A `for … of` would close the generator at the end of this block, but the outer block goes on with it.
  for (let { done, value: token } = tokens.next(); !done; { done, value: token } = tokens.next()) {
    if (token.kind === 'word') {
      words.push(token)
      continue
    }
    const [first] = words
    if (token.kind === '}') {
      if (first) throw unterminated(first)
      if (!opener) throw new NginxConfError(token.line, 'this } closes no block')
      return { statements, end: token.end }
    }
    if (!first) throw new NginxConfError(token.line, `no directive comes before this ${token.kind}`)
    statements.push(parseStatement(words, token, () => parseBlock(tokens, first, depth + 1)))
    words = []
  }
  const [first] = words
  if (first) throw unterminated(first)
  if (opener) throw new NginxConfError(opener.line, `the block ${quoteToken(opener.value)} is never closed`)
  return { statements, end: 0 }
}

const unterminated = ({ line, value }: Token): NginxConfError =>
  new NginxConfError(line, `the directive ${quoteToken(value)} is not terminated`)

function parseStatement(words: readonly Token[], last: Token, parseInner: () => ParsedBlock): Statement {
  const { start, line, value } = words[0] as Token
  const values = words.map((word) => word.value)
  if (last.kind === ';') return { words: values, start, end: last.end, line, block: null }
  if (LUA_BLOCK.test(value))
    throw new NginxConfError(line, `${quoteToken(value)} contains Lua, which spinner cannot parse`)
  const { statements, end } = parseInner()
  return { words: values, start, end, line, block: { open: last.end, statements } }
}

/** A word or a punctuation mark, with its position. */
interface Token {
  readonly kind: 'word' | ';' | '{' | '}'
  /** The word as nginx reads it: without quotes, and with escapes resolved. */
  readonly value: string
  readonly start: number
  readonly end: number
  readonly line: number
}

/** A configuration that nginx could not read either, or that spinner cannot edit. */
export class NginxConfError extends Error {
  readonly line: number

  constructor(line: number, why: string) {
    super(why)
    this.line = line
  }
}

/** White space and comments. nginx regards only these four characters as white space. */
const BETWEEN = /(?:[ \t\r\n]+|#[^\n]*)*/y
const QUOTED = /"([^"\\]*(?:\\[\s\S][^"\\]*)*)"|'([^'\\]*(?:\\[\s\S][^'\\]*)*)'/y
/** A backslash escapes the next character, and a brace after a dollar sign opens no block. */
const WORD = /(?:[^ \t\r\n;{\\$]+|\\[\s\S]|\$\{*)+/y
const AFTER_QUOTED = /[ \t\r\n;{)]/

/** Splits a configuration like nginx's own `ngx_conf_read_token`. Throws `NginxConfError` where nginx fails too. */
function* tokenize(text: string): Generator<Token> {
  let line = 1
  let at = 0
  for (;;) {
    const start = at + (match(BETWEEN, text, at)?.[0].length ?? 0)
    line += countNewlines(text, at, start)
    if (start === text.length) return
    const token = tokenAt(text, start, line)
    yield token
    line += countNewlines(text, start, token.end)
    at = token.end
  }
}

function tokenAt(text: string, start: number, line: number): Token {
  const first = text[start] as string
  if (first === ';' || first === '{' || first === '}')
    return { kind: first, value: first, start, end: start + 1, line }
  const isQuoted = first === '"' || first === "'"
  const found = match(isQuoted ? QUOTED : WORD, text, start)
  if (!found)
    throw new NginxConfError(
      line,
      isQuoted ? `a quote (${first}) is never closed` : 'the text ends with a backslash',
    )
  const end = start + found[0].length
  const next = text[end]
  if (isQuoted && next !== undefined && !AFTER_QUOTED.test(next))
    throw new NginxConfError(line, `a space is missing after the quoted ${quoteToken(found[0])}`)
  return { kind: 'word', value: resolveEscapes(found[1] ?? found[2] ?? found[0]), start, end, line }
}

function match(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at
  return pattern.exec(text)
}

const CONTROLS: Readonly<Record<string, string>> = { t: '\t', r: '\r', n: '\n' }

/** Resolves escapes. A backslash before any other character stays. */
const resolveEscapes = (word: string): string =>
  word.replace(/\\(["'\\trn])/g, (_whole, sign: string) => CONTROLS[sign] ?? sign)

function countNewlines(text: string, from: number, to: number): number {
  let count = 0
  for (let at = from; at < to; at++) if (text[at] === '\n') count++
  return count
}

const MAX_QUOTED = 40

const quoteToken = (word: string): string =>
  JSON.stringify(word.length > MAX_QUOTED ? `${word.slice(0, MAX_QUOTED)}…` : word)
