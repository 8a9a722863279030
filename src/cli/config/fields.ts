import * as values from '../../options/parsers.ts'
import { INVALID, type JsonSchema, type Parser } from '../../options/parsers.ts'
import type { OptionSpec, OptionSpecs } from '../../options/read.ts'
import type { ReadyValue } from '../../options/readiness.ts'
import { Ambiguous, isNull, meaningOf, meaningsOf, stringOf } from './scalars.ts'
import { list, type Shape, scalar } from './schema-kit.ts'

const STRING: JsonSchema = { type: 'string' }
/** Accepts all scalars that a file can write for a string: `8080` and `yes` are strings too. */
const ANY_SCALAR: JsonSchema = { type: ['string', 'number', 'boolean'] }

/** The parts of an option that a field uses. */
export type FieldSpec = Pick<OptionSpec, 'parse' | 'expected' | 'suggest'>

/**
 * Accepts a scalar if the parser of the option accepts one of its meanings, so that file and library cannot differ. The
 * value is this meaning, and not what the parser returns. `schema` replaces the schema of the parser.
 */
export function field(
  { expected, parse, suggest }: FieldSpec,
  schema: JsonSchema | undefined = parse.schema,
): Shape {
  if (!schema) throw new Error(`this option needs a form for files: ${expected}`)
  const accepts = (value: unknown): boolean => parse(value) !== INVALID
  return scalar(
    expected,
    (node) => {
      const meanings = meaningsOf(node)
      const accepted = meanings.find((value) => !(value instanceof Ambiguous) && accepts(value))
      if (accepted !== undefined) return accepted
      const ambiguous = meanings.find((value) => value instanceof Ambiguous && value.readings.some(accepts))
      return ambiguous ?? INVALID
    },
    schema,
    suggest,
  )
}

/** Returns the field of one row of a table. */
export function optionField(specs: OptionSpecs, key: string, schema?: JsonSchema): Shape {
  const spec = specs[key]
  if (!spec) throw new Error(`no such option: ${key}`)
  return field(spec, schema ?? spec.parse.schema)
}

/**
 * Returns the fields of a table of options. `forms` contains the options that a file writes differently than a program,
 * and null for the options that it cannot write.
 */
export function fieldsOf<Settings>(
  specs: OptionSpecs<Settings>,
  forms: Readonly<Partial<Record<keyof Settings, Shape | null>>>,
): Readonly<Record<string, Shape>> {
  const fields: Record<string, Shape> = {}
  for (const key of Object.keys(specs) as (keyof Settings & string)[]) {
    const form = forms[key]
    if (form !== null) fields[key] = form ?? field(specs[key])
  }
  return fields
}

export const stringField = (expected: string): Shape => field({ expected, parse: values.string }, ANY_SCALAR)
/** Accepts strings that the parser accepts. Unlike `stringField`, editors mark unquoted numbers and booleans. */
export const quotedField = (parse: Parser, expected: string): Shape => field({ expected, parse }, STRING)

export const pathField: Shape = field({ parse: values.string, expected: 'a path' })
export const pathOrNullField: Shape = field({
  parse: values.orNull(values.string),
  expected: 'a path, or null',
})
export const outputFileField: Shape = field({
  parse: values.orNull(values.string),
  expected: 'the path of a file to append to, or null',
})

/** Accepts a list of strings as they are written, which may be empty. */
export const stringsField: Shape = list(
  scalar('a string', (node) => node.text, ANY_SCALAR),
  'a list of strings',
)
/** Accepts a string as it is written, or null. */
export const variableField: Shape = scalar('a string', (node) => (isNull(node) ? null : node.text), {
  anyOf: [ANY_SCALAR, { type: 'null' }],
})

export const booleanField: Shape = field({ parse: values.boolean, expected: 'true or false' })
export const secondsField: Shape = field({
  parse: values.seconds(0),
  expected: "seconds, or a string such as '500ms', '30s', '5m'",
})
export const bytesField: Shape = field({
  parse: values.bytes(1),
  expected: "a number of bytes, or a string such as '100MB'",
})
export const portField: Shape = field({ parse: values.portNumber, expected: 'a port number from 1 to 65535' })
export const urlPathField: Shape = field({ parse: values.urlPath, expected: "a path that begins with '/'" })

export const integerField = (least: number): Shape =>
  field({ parse: values.integerFrom(least), expected: `an integer >= ${least}` })

/** Limit of `createPool`: one host cannot supervise more processes. */
const MAX_SIZE = 10_000
export const sizeField: Shape = field({
  parse: values.integer(1, MAX_SIZE),
  expected: `an integer from 1 to ${MAX_SIZE}`,
})

export function wordField(...words: readonly string[]): Shape {
  const quoted = words.map((word) => `'${word}'`)
  const expected = `${quoted.slice(0, -1).join(', ')} or ${quoted.at(-1)}`
  return field({ parse: values.oneOf(...words), expected })
}

/** Accepts a port or the path of a socket. A number that is not a port is not a path, unless it has quotes. */
export const portOrSocketField: Shape = scalar(
  'a port number from 1 to 65535, or the path of a socket',
  (node) => {
    const meaning = meaningOf(node)
    if (meaning instanceof Ambiguous) return meaning
    return typeof meaning === 'number' ? values.portNumber(meaning) : stringOf(node)
  },
  { anyOf: [values.portNumber.schema, STRING] },
)

/** Accepts the value of a kind of readiness. It stays text, because configurations are compared as JSON. */
export const readyField = ({ parse, text: { convert, expected, schema } }: ReadyValue): Shape =>
  field(
    {
      expected,
      parse: (text) => {
        try {
          return typeof text === 'string' && text !== '' ? parse(convert(text)) : INVALID
        } catch {
          return INVALID
        }
      },
    },
    schema,
  )
