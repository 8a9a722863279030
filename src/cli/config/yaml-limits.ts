import type { Problem } from './error.ts'
import type { Offset } from './nodes.ts'

/** A file that says more than this is no configuration (docs/hazards.md#h63). */
export const MOST_BYTES = 1_000_000
export const MOST_NODES = 10_000
export const DEEPEST = 32

export const TOO_DEEP: string = `nested too deeply; a configuration may be ${DEEPEST} levels deep`
export const TOO_MANY: string = `too much for a configuration, which may have ${MOST_NODES} values`

/** Looser than the bounds above, which the walk over the document keeps: these only protect the parser. */
const DEEPEST_TEXT = 100
const MOST_THINGS = 4 * MOST_NODES
const MOST_LINES = 50_000
const MOST_ANCHORS = 1_000

/** The lexer's own marks, which are not in the file. This one stands in front of a scalar. */
const SCALAR = '\x1f'
const MARKS: readonly string[] = ['\x02', '\x18', SCALAR]

/**
 * Looks at a file token by token before it is parsed, and gives the first thing in it that would take a parser too
 * long or too deep: some hundred levels more, and the parser ends the whole program.
 */
export function scan(tokens: Iterable<string>): Problem | null {
  const look = new Look()
  let at = 0
  let isText = false
  for (const token of tokens) {
    const message = isText ? null : look.next(token, at)
    if (message !== null) return { at, message }
    // What follows this mark is text, whatever it looks like.
    isText = token === SCALAR
    if (!MARKS.includes(token)) at += token.length
    look.passed(token, at)
  }
  return null
}

class Look {
  #flow = 0
  /** Indicators since the line, or the item of a flow list, began. */
  #run = 0
  #lineStart = 0
  /** The columns at which open blocks began. */
  readonly #columns: number[] = []
  #things = 0
  #lines = 0
  #anchors = 0
  #documents = 0

  /** Says what is wrong with the next token, or null. */
  next(token: string, at: Offset): string | null {
    switch (token[0]) {
      case '[':
      case '{':
        this.#flow++
        return this.#thing(at)
      case ']':
      case '}':
        return --this.#flow < 0 ? `'${token}' closes nothing` : null
      case ',':
        this.#run = 0
        return this.#thing(at)
      case '-':
      case '?':
      case ':':
        if (token === '---') return this.#document()
        this.#run++
        return this.#thing(at)
      case SCALAR:
      case '"':
      case "'":
        return this.#thing(at)
      case '&':
      case '*':
        return ++this.#anchors > MOST_ANCHORS ? 'too many anchors and aliases' : null
      case '!':
        return `tags are not used here; leave '${token.slice(0, 30)}' out`
      case '%':
        return this.#line()
      default:
        return token.endsWith('\n') ? this.#line() : null
    }
  }

  /** Texts can have lines of their own, so columns are counted from what was passed. */
  passed(token: string, end: Offset): void {
    const newline = token.lastIndexOf('\n')
    if (newline >= 0) this.#lineStart = end - (token.length - newline - 1)
  }

  #document(): string | null {
    const isFirst = this.#things === 0 && this.#documents++ === 0
    return isFirst ? null : 'a second document begins here; a configuration is one'
  }

  #line(): string | null {
    this.#run = 0
    return ++this.#lines > MOST_LINES ? TOO_MANY : null
  }

  #thing(at: Offset): string | null {
    if (this.#flow === 0) this.#block(at - this.#lineStart)
    if (this.#flow + Math.max(this.#run, this.#columns.length) > DEEPEST_TEXT) return TOO_DEEP
    return ++this.#things > MOST_THINGS ? TOO_MANY : null
  }

  #block(column: number): void {
    while ((this.#columns.at(-1) ?? -1) >= column) this.#columns.pop()
    this.#columns.push(column)
  }
}
