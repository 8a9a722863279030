import type { Problem } from './error.ts'
import type { Offset } from './nodes.ts'

/** Limits of a configuration file (docs/hazards.md#h63). */
export const MAX_BYTES = 1_000_000
export const MAX_NODES = 10_000
export const MAX_DEPTH = 32

export const TOO_DEEP: string = `nested too deeply: a configuration has at most ${MAX_DEPTH} levels`
export const TOO_MANY: string = `too large: a configuration has at most ${MAX_NODES} values`

/** Limits that protect the parser. They are looser than those above, which are checked after parsing. */
const MAX_TEXT_DEPTH = 100
const MAX_TOKENS = 4 * MAX_NODES
const MAX_LINES = 50_000
const MAX_ANCHORS = 1_000

/** Tokens that the lexer adds and that are not in the file. This one precedes a scalar. */
const SCALAR = '\x1f'
const MARKS: readonly string[] = ['\x02', '\x18', SCALAR]

/**
 * Checks the tokens of a file before it is parsed. Returns the first one that would take the parser too long or too deep:
 * a few hundred levels more overflow its stack, which ends the whole program.
 */
export function scan(tokens: Iterable<string>): Problem | null {
  const scanner = new Scanner()
  let at = 0
  let isText = false
  for (const token of tokens) {
    const message = isText ? null : scanner.next(token, at)
    if (message !== null) return { at, message }
    // The token after this one is text, whatever it looks like.
    isText = token === SCALAR
    if (!MARKS.includes(token)) at += token.length
    scanner.passed(token, at)
  }
  return null
}

class Scanner {
  #flow = 0
  /** Indicators since the beginning of the line, or of the item of a flow list. */
  #run = 0
  #lineStart = 0
  /** The columns at which the open blocks begin. */
  readonly #columns: number[] = []
  #tokens = 0
  #lines = 0
  #anchors = 0
  #documents = 0

  /** Returns what is wrong with the next token, or null. */
  next(token: string, at: Offset): string | null {
    switch (token[0]) {
      case '[':
      case '{':
        this.#flow++
        return this.#token(at)
      case ']':
      case '}':
        return --this.#flow < 0 ? `unexpected '${token}'` : null
      case ',':
        this.#run = 0
        return this.#token(at)
      case '-':
      case '?':
      case ':':
        if (token === '---') return this.#document()
        this.#run++
        return this.#token(at)
      case SCALAR:
      case '"':
      case "'":
        return this.#token(at)
      case '&':
      case '*':
        return ++this.#anchors > MAX_ANCHORS ? 'too many anchors and aliases' : null
      case '!':
        return `tags are not supported; remove '${token.slice(0, 30)}'`
      case '%':
        return this.#line()
      default:
        return token.endsWith('\n') ? this.#line() : null
    }
  }

  /** Counts columns from the passed tokens, because a token can span several lines. */
  passed(token: string, end: Offset): void {
    const newline = token.lastIndexOf('\n')
    if (newline >= 0) this.#lineStart = end - (token.length - newline - 1)
  }

  #document(): string | null {
    const isFirst = this.#tokens === 0 && this.#documents++ === 0
    return isFirst ? null : 'a configuration is one document, but a second one begins here'
  }

  #line(): string | null {
    this.#run = 0
    return ++this.#lines > MAX_LINES ? TOO_MANY : null
  }

  #token(at: Offset): string | null {
    if (this.#flow === 0) this.#block(at - this.#lineStart)
    if (this.#flow + Math.max(this.#run, this.#columns.length) > MAX_TEXT_DEPTH) return TOO_DEEP
    return ++this.#tokens > MAX_TOKENS ? TOO_MANY : null
  }

  #block(column: number): void {
    while ((this.#columns.at(-1) ?? -1) >= column) this.#columns.pop()
    this.#columns.push(column)
  }
}
