import { INVALID, type JsonSchema } from '../../options/parsers.ts'
import { nearest } from '../../options/suggest.ts'
import type { Problem } from './error.ts'
import { ListNode, MapNode, ScalarNode, type Tree } from './nodes.ts'
import { Ambiguous, isNull, showNode } from './scalars.ts'

/** Returns the value of a scalar, {@link INVALID} if it has none, or {@link Ambiguous} if it has two. */
export type Reader = (node: ScalarNode) => unknown

/** Collects the problems of a file. Messages begin with `key`, the nearest key above the value. */
interface Report {
  readonly problems: Problem[]
  readonly key: string | null
}

/** Describes a part of a configuration file: how each kind of node is read. A kind of node without a member is rejected. */
export interface Shape {
  /** The accepted values, as messages name them. */
  readonly expected: string
  readonly scalar?: Reader | undefined
  /** Returns the valid value that an invalid scalar most likely means. */
  readonly suggest?: ((text: string) => string | undefined) | undefined
  readonly list?: ((node: ListNode, report: Report) => unknown) | undefined
  readonly map?: ((node: MapNode, report: Report) => unknown) | undefined
  /** Returns the JSON schema; `nested` returns that of a shape within. */
  readonly schema: (nested: (shape: Shape) => JsonSchema) => JsonSchema
}

/** Returns the value of a tree, and its problems. */
export function validate(
  shape: Shape,
  tree: Tree,
): { readonly value: unknown; readonly problems: readonly Problem[] } {
  const problems: Problem[] = []
  return { value: read(shape, tree, { problems, key: null }), problems }
}

function read(shape: Shape, node: Tree, report: Report): unknown {
  if (node instanceof MapNode && shape.map) return shape.map(node, report)
  if (node instanceof ListNode && shape.list) return shape.list(node, report)
  const value = node instanceof ScalarNode && shape.scalar ? shape.scalar(node) : INVALID
  if (value !== INVALID && !(value instanceof Ambiguous)) return value
  const subject = report.key === null ? '' : `\`${report.key}\` `
  const message =
    value instanceof Ambiguous
      ? value.reason
      : `${subject}must be ${shape.expected}, but it is ${showNode(node)}${suggestion(shape, node)}`
  report.problems.push({ at: node.at, message })
  return INVALID
}

function suggestion({ suggest }: Shape, node: Tree): string {
  const isText = node instanceof ScalarNode && !isNull(node)
  const meant = isText ? suggest?.(node.text) : undefined
  return meant === undefined ? '' : `; did you mean '${meant}'?`
}

/** Accepts scalars. `expected` describes them in messages. */
export const scalar = (
  expected: string,
  reader: Reader,
  schema: JsonSchema,
  suggest?: Shape['suggest'],
): Shape => ({ expected, scalar: reader, schema: () => schema, suggest })

/** Accepts `null`, `~`, or a key without a value. */
export const nullField: Shape = scalar('null', (node) => (isNull(node) ? null : INVALID), { type: 'null' })

/** Accepts a list of items of one shape. */
export const list = (item: Shape, expected = 'a list'): Shape => ({
  expected,
  list: (node, report) => node.items.map((each) => read(item, each, report)),
  schema: (nested) => ({ type: 'array', items: nested(item) }),
})

/** Accepts what one of several shapes accepts. At most one of them may accept lists, and at most one maps. */
export function either(expected: string, ...shapes: readonly Shape[]): Shape {
  const readers = shapes.flatMap((shape) => shape.scalar ?? [])
  return {
    expected,
    scalar: readers.length === 0 ? undefined : (node) => firstValue(readers, node),
    list: shapes.find((shape) => shape.list)?.list,
    map: shapes.find((shape) => shape.map)?.map,
    schema: (nested) => ({ anyOf: shapes.map(nested) }),
  }
}

function firstValue(readers: readonly Reader[], node: ScalarNode): unknown {
  const values = readers.map((reader) => reader(node))
  const valid = values.find((value) => value !== INVALID && !(value instanceof Ambiguous))
  return valid === undefined ? (values.find((value) => value instanceof Ambiguous) ?? INVALID) : valid
}

/** Accepts a map with these keys, all of which are optional. */
export const section = (entries: Readonly<Record<string, Shape>>, expected = 'a map'): Shape => ({
  expected,
  map: (node, { problems }) => {
    const known = Object.keys(entries)
    for (const [key, { at }] of node.entries)
      if (!Object.hasOwn(entries, key)) problems.push({ at, message: unknownKey(key, known) })
    const value: Record<string, unknown> = {}
    for (const [key, shape] of Object.entries(entries)) {
      const inner = node.get(key)
      if (inner) value[key] = read(shape, inner, { problems, key })
    }
    return value
  },
  schema: (nested) => ({
    type: 'object',
    properties: Object.fromEntries(Object.entries(entries).map(([key, shape]) => [key, nested(shape)])),
    additionalProperties: false,
  }),
})

function unknownKey(key: string, known: readonly string[]): string {
  const meant = key.length > 2 ? nearest(key, known) : undefined
  const advice = meant ? `did you mean '${meant}'?` : `known keys: ${known.join(', ')}`
  return `unknown key '${key.slice(0, 60)}'; ${advice}`
}

/** Accepts a map with keys that the user chooses. The value is a `Map`, because a key can be any string. */
export const named = (values: Shape, expected = 'a map'): Shape => ({
  expected,
  map: ({ entries }, { problems }) =>
    new Map([...entries].map(([key, { value }]) => [key, read(values, value, { problems, key })])),
  schema: (nested) => ({ type: 'object', additionalProperties: nested(values) }),
})

/** Returns the JSON schema of a shape. `parts` are the shapes that become definitions, by name. */
export function jsonSchema(shape: Shape, parts: Readonly<Record<string, Shape>>): JsonSchema {
  const names = new Map(Object.entries(parts).map(([name, part]) => [part, name]))
  const nested = (inner: Shape): JsonSchema => {
    const name = names.get(inner)
    return name === undefined ? inner.schema(nested) : { $ref: `#/$defs/${name}` }
  }
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    ...shape.schema(nested),
    $defs: Object.fromEntries(Object.entries(parts).map(([name, part]) => [name, part.schema(nested)])),
  }
}
