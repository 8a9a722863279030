import * as v from 'valibot'
import { INVALID } from '../../options/parsers.ts'
import { nearest } from '../../options/suggest.ts'
import type { Problem } from './error.ts'
import { follow, type KeyPath, locate, plainOf, ScalarNode, type Tree } from './nodes.ts'
import { Ambiguous, isNothing, shown } from './scalars.ts'

/** What something in a configuration must look like. */
export type Shape = v.GenericSchema

/** A part of a JSON schema, for editors. */
export type Json = Readonly<Record<string, unknown>>

/** Makes something of a word, or says why it cannot. */
export type Reader = (word: ScalarNode) => unknown

type Run = Shape['~run']
type Issue = v.BaseIssue<unknown>

const isMap = (input: unknown): input is Record<string, unknown> =>
  typeof input === 'object' && input !== null && !Array.isArray(input) && !(input instanceof ScalarNode)

const mismatch =
  (takes: string) =>
  ({ input }: { input: unknown }): string =>
    `must be ${takes}, but it is ${shown(input)}`

/** A word that `reader` can read; `takes` says to people what is expected. */
export function word(takes: string, reader: Reader, json: Json): Shape {
  const read = (input: unknown): unknown => (input instanceof ScalarNode ? reader(input) : INVALID)
  const isRead = (value: unknown): boolean => value !== INVALID && !(value instanceof Ambiguous)
  const message = (issue: { input: unknown }): string => {
    const value = read(issue.input)
    return value instanceof Ambiguous ? value.reason : mismatch(takes)(issue)
  }
  return v.pipe(
    v.custom<ScalarNode>((input) => isRead(read(input)), message),
    v.metadata(json),
    v.transform(reader),
  )
}

/** `null`, `~`, or a key without a value. */
export const nothing: Shape = word('nothing', (given) => (isNothing(given) ? null : INVALID), {
  type: 'null',
})

/** A list, each item of this shape. */
export const list = (item: Shape, takes = 'a list'): Shape => v.array(item, mismatch(takes))

/** One of several shapes. */
export const either = (takes: string, ...shapes: readonly Shape[]): Shape => v.union(shapes, mismatch(takes))

/** A map with these keys, each of which may be left out, and no others. */
export function section(entries: Readonly<Record<string, Shape>>, takes = 'a map'): Shape {
  const optional: v.ObjectEntries = Object.create(null)
  for (const [key, shape] of Object.entries(entries)) optional[key] = v.exactOptional(shape)
  const known = v.strictObject(optional)
  // valibot tells of one unknown key, and of none that every object inherits.
  const loose = v.object(optional)
  const run: Run = (dataset, config) => {
    const input = dataset.value
    if (!isMap(input)) return v.custom(isMap, mismatch(takes))['~run'](dataset, config)
    const unknown = Object.keys(input).filter((key) => !Object.hasOwn(entries, key))
    const result = loose['~run'](dataset, config) as v.OutputDataset<unknown, Issue>
    return withIssues(
      result,
      unknown.map((key) => unknownKey(input, key, Object.keys(entries))),
    )
  }
  return { ...known, '~run': run } as Shape
}

/** A map with keys that the user chooses, each value of this shape. Becomes a `Map`, since names may be anything. */
export function named(values: Shape, takes = 'a map'): Shape {
  const run: Run = (dataset, config) => {
    const input = dataset.value
    if (!isMap(input)) return v.custom(isMap, mismatch(takes))['~run'](dataset, config)
    const read = new Map<string, unknown>()
    const issues: Issue[] = []
    for (const [key, value] of Object.entries(input)) {
      const result = values['~run']({ value }, config)
      read.set(key, result.value)
      for (const issue of result.issues ?? []) issues.push(under(input, key, issue))
    }
    return withIssues({ typed: true, value: read }, issues)
  }
  return { ...v.record(v.string(), values), '~run': run } as Shape
}

const itemOf = (input: unknown, key: string): v.IssuePathItem =>
  ({
    type: 'object',
    origin: 'key',
    input,
    key,
    value: (input as Record<string, unknown>)[key],
  }) as v.IssuePathItem

const under = (input: unknown, key: string, issue: Issue): Issue =>
  ({ ...issue, path: [itemOf(input, key), ...(issue.path ?? [])] }) as Issue

function withIssues(
  result: v.OutputDataset<unknown, Issue>,
  issues: readonly Issue[],
): v.OutputDataset<unknown, Issue> {
  const all = [...(result.issues ?? []), ...issues]
  return all.length === 0
    ? result
    : ({ ...result, typed: false, issues: all } as v.OutputDataset<unknown, Issue>)
}

/** The type of the issue that a key is unknown; all others are of values. */
const UNKNOWN = 'unknown_key'

function unknownKey(input: unknown, key: string, known: readonly string[]): Issue {
  const meant = key.length > 2 ? nearest(key, known) : undefined
  const advice = meant ? `did you mean '${meant}'?` : `here go ${known.join(', ')}`
  const message = `unknown key '${key.slice(0, 60)}'; ${advice}`
  return under(input, key, {
    kind: 'schema',
    type: UNKNOWN,
    input,
    expected: null,
    received: '',
    message,
  } as unknown as Issue)
}

/** A tree as what its shape makes of it, and all that is wrong with it. */
export function validate(
  shape: Shape,
  tree: Tree,
): { readonly value: unknown; readonly problems: readonly Problem[] } {
  const { issues = [], output } = v.safeParse(shape, plainOf(tree)) as { issues?: Issue[]; output: unknown }
  return { value: output, problems: issues.flatMap((issue) => problemsOf(tree, issue, [])) }
}

/** Of the shapes that a value may have, the one that it comes nearest to is told of. */
function problemsOf(tree: Tree, issue: Issue, before: KeyPath): Problem[] {
  const way = [...before, ...(issue.path ?? []).map(({ key }) => key as string | number)]
  const deeper = (issue.issues ?? []).filter(({ path }) => path)
  if (deeper.length > 0) return deeper.flatMap((inner) => problemsOf(tree, inner as Issue, way))
  const { message } = issue
  if (issue.type === UNKNOWN) return [{ at: locate(tree, way), message }]
  const key = way.findLast((step) => typeof step === 'string')
  const subject = key !== undefined && message.startsWith('must ') ? `\`${key}\` ` : ''
  return [{ at: follow(tree, way)?.at ?? locate(tree, way), message: `${subject}${message}` }]
}
