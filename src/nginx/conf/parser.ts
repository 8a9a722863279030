import { shown, type Token, tokensOf, Unreadable } from './tokens.ts'

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
  if (opener) throw new Unreadable(opener.line, `the block ${shown(opener.value)} is never closed`)
  return { found, end: 0 }
}

const unended = ({ line, value }: Token): Unreadable =>
  new Unreadable(line, `the directive ${shown(value)} does not end`)

function statement(words: readonly Token[], last: Token, inside: () => Found): Statement {
  const { start, line, value } = words[0] as Token
  const values = words.map((word) => word.value)
  if (last.kind === ';') return { words: values, start, end: last.end, line, block: null }
  if (LUA.test(value)) throw new Unreadable(line, `${shown(value)} holds Lua, which is not read here`)
  const { found, end } = inside()
  return { words: values, start, end, line, block: { open: last.end, statements: found } }
}
