import { CHILD_OPTIONS } from '../../options/normalise.ts'
import * as values from '../../options/parsers.ts'
import { INVALID, type Parser } from '../../options/parsers.ts'
import type { OptionSpecs } from '../../options/read.ts'
import { Ambiguous, flagOf, isNothing, meaningOf, numberOf, textOf } from './scalars.ts'
import { type Json, list, type Reader, type Shape, word } from './schema-kit.ts'

const TEXT: Json = { type: 'string' }
/** What an editor must let pass where a text is wanted: `8080` and `yes` are texts too, there. */
const ANY_WORD: Json = { type: ['string', 'number', 'boolean'] }
const ANY_NUMBER: Json = { type: ['number', 'string'] }
const FLAG: Json = { type: 'boolean' }
const SECONDS: Json = {
  anyOf: [
    { type: 'number', minimum: 0 },
    { type: 'string', pattern: '^\\d+(\\.\\d+)?\\s*(ms|s|m|h|d)$' },
  ],
}
const PORT: Json = { type: 'integer', minimum: 1, maximum: 65_535 }
const orNull = (json: Json): Json => ({ anyOf: [json, { type: 'null' }] })
const whole = (least: number): Json => ({ type: 'integer', minimum: least })

const asText: Reader = (given) => given.text
const asNumber: Reader = (given) => numberOf(given) ?? INVALID
const asFlag: Reader = (given) => flagOf(given) ?? INVALID
const orNothing =
  (read: Reader): Reader =>
  (given) =>
    isNothing(given) ? null : read(given)

/** A word that one of the library's parsers accepts: the file and the library cannot differ. */
const through =
  (read: Reader, parse: Parser): Reader =>
  (given) => {
    const value = read(given)
    return value === INVALID || value instanceof Ambiguous || parse(value) !== INVALID ? value : INVALID
  }

function option(rows: OptionSpecs, key: string, read: Reader, json: Json, takes?: string): Shape {
  const row = rows[key]
  if (!row) throw new Error(`no such option: ${key}`)
  return word(takes ?? row.takes, through(read, row.parse), json)
}

export const text = (takes: string): Shape => word(takes, textOf, ANY_WORD)
export const path: Shape = word('a path', textOf, TEXT)
export const pathOrNothing: Shape = word('a path, or null', orNothing(textOf), orNull(TEXT))
export const outputFile: Shape = word(
  'the path of a file to append to, or null',
  orNothing(textOf),
  orNull(TEXT),
)
export const texts: Shape = list(word('a text', asText, ANY_WORD), 'a list of texts')
/** A text as it is written, which may be empty, or nothing. */
export const variable: Shape = word('a text', orNothing(asText), orNull(ANY_WORD))
export const flag: Shape = word('true or false', asFlag, FLAG)
export const seconds: Shape = word(
  "seconds, or a text such as '500ms', '30s', '5m'",
  through(meaningOf, values.seconds(0)),
  SECONDS,
)
export const bytes: Shape = word("bytes, or a text such as '100MB'", meaningOf, ANY_NUMBER)
export const port: Shape = word(
  'a port number from 1 to 65535',
  through(asNumber, values.whereToListen),
  PORT,
)
/** A number that is no port is no path either, unless it is written as one. */
export const portOrSocket: Shape = word(
  'a port number from 1 to 65535, or the path of a socket',
  (given) => {
    const meant = meaningOf(given)
    if (meant instanceof Ambiguous) return meant
    return typeof meant === 'number' ? values.portNumber(meant) : textOf(given)
  },
  { anyOf: [PORT, TEXT] },
)

export const wholeFrom = (least: number): Shape =>
  word(`a whole number from ${least}`, through(asNumber, values.integerFrom(least)), whole(least))

/** More processes than one host can look after. */
const MOST_CHILDREN = 10_000
export const size: Shape = word(
  `a whole number from 1 to ${MOST_CHILDREN}`,
  through(asNumber, (given) =>
    values.integerFrom(1)(given) !== INVALID && (given as number) <= MOST_CHILDREN ? given : INVALID,
  ),
  { ...whole(1), maximum: MOST_CHILDREN },
)

export function oneOf(...words: readonly string[]): Shape {
  const quoted = words.map((each) => `'${each}'`)
  const takes = `${quoted.slice(0, -1).join(', ')} or ${quoted.at(-1)}`
  return word(takes, through(textOf, values.oneOf(...words)), { enum: words })
}

/** A regular expression, which stays a text in the configuration. */
export const pattern: Shape = word(
  'a regular expression',
  through(textOf, (given) => {
    try {
      return new RegExp(given as string)
    } catch {
      return INVALID
    }
  }),
  TEXT,
)

export const urlPath: Shape = word(
  "a path that begins with '/'",
  through(textOf, (given) => values.readiness({ http: given })),
  { type: 'string', pattern: '^/' },
)

export const signal: Shape = word(
  "the name of a signal, such as 'SIGTERM'",
  (given) => {
    const name = textOf(given)
    if (values.signalName(name) !== INVALID) return name
    const meant = values.nearestSignal(name)
    return meant ? new Ambiguous(`must be the name of a signal; did you mean '${meant}'?`) : INVALID
  },
  TEXT,
)

/** Options whose value is one word, read as the library reads them; those of a child, unless another table is given. */
export const duration = (key: string, rows: OptionSpecs = CHILD_OPTIONS): Shape =>
  option(rows, key, meaningOf, SECONDS)
export const durationOrOff = (key: string, rows: OptionSpecs = CHILD_OPTIONS): Shape =>
  option(rows, key, meaningOf, orNull({ anyOf: [...(SECONDS['anyOf'] as Json[]), { const: -1 }] }))
export const count = (key: string, least: number, rows: OptionSpecs = CHILD_OPTIONS): Shape =>
  option(rows, key, asNumber, whole(least))
export const choice = (key: string, words: readonly string[], rows: OptionSpecs = CHILD_OPTIONS): Shape =>
  option(rows, key, textOf, { enum: words })
export const amount = (key: string, rows: OptionSpecs): Shape =>
  option(rows, key, meaningOf, orNull(ANY_NUMBER))
export const textOption = (key: string, rows: OptionSpecs): Shape => option(rows, key, textOf, TEXT)
/** A text that a parser of the library accepts. */
export const textFor = (parse: Parser, takes: string): Shape => word(takes, through(textOf, parse), TEXT)
export const listen: Shape = option(
  CHILD_OPTIONS,
  'listen',
  meaningOf,
  { anyOf: [{ enum: ['socket', 'port'] }, PORT, { type: 'null' }] },
  "'socket', 'port', a port number from 1 to 65535, or null",
)
