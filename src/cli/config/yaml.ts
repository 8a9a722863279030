import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  type Node,
  type Pair,
  parseDocument,
  Scalar,
  stringify,
  type YAMLMap,
} from 'yaml'
import { messageOf } from '../../errors.ts'
import type { Problem } from './error.ts'
import { type Entry, ListNode, MapNode, type Offset, ScalarNode, type Tree } from './nodes.ts'
import { DEEPEST, MOST_BYTES, MOST_NODES, scan, TOO_DEEP, TOO_MANY } from './yaml-limits.ts'

/** What a text says, and what is wrong with it. Never throws, and never takes long (docs/hazards.md#h63). */
export function readYaml(text: string): { readonly tree: MapNode; readonly problems: readonly Problem[] } {
  const nothing = new MapNode(new Map(), 0)
  if (Buffer.byteLength(text) > MOST_BYTES)
    return { tree: nothing, problems: [{ at: 0, message: 'too large; a configuration may have 1 MB' }] }
  const first = scan(new Lexer().lex(text))
  if (first) return { tree: nothing, problems: [first] }
  const document = parse(text)
  if (!('contents' in document)) return { tree: nothing, problems: [document] }
  const faults = [...document.errors, ...document.warnings]
  const problems = faults.map(({ pos, message }) => ({
    at: pos[0],
    message: message.split('\n', 1)[0] ?? '',
  }))
  if (problems.length > 0) return { tree: nothing, problems }
  const walk = new Walk()
  const { contents } = document
  const isEmpty = contents === null || (isScalar(contents) && contents.value === '')
  const tree = isEmpty ? nothing : walk.read(contents, 0)
  if (tree instanceof MapNode) return { tree, problems: walk.problems }
  const message = 'a configuration is a map, with lines such as `children:`'
  return { tree: nothing, problems: [...walk.problems, { at: tree.at, message }] }
}

/** A value as the text of a file. */
export const writeYaml = (value: unknown): string =>
  stringify(value, { lineWidth: 0, aliasDuplicateObjects: false })

/** Every scalar stays the text that it is in the file: what it means depends on where it stands. */
function parse(text: string): Document.Parsed | Problem {
  try {
    return parseDocument(text, {
      schema: 'failsafe',
      uniqueKeys: false,
      prettyErrors: false,
      logLevel: 'silent',
    })
  } catch (thrown) {
    return { at: 0, message: `cannot be read: ${messageOf(thrown)}` }
  }
}

/** Thrown when the rest need not be looked at. */
class Enough extends Error {}

/** One walk over a document. Aliases are followed where they stand, so that what is counted is what is meant. */
class Walk {
  readonly problems: Problem[] = []
  readonly #anchors = new Map<string, Node>()
  /** What each alias stood for where it was written: its anchor may be given to something else further down. */
  readonly #targets = new Map<Alias, Node>()
  readonly #open = new Set<Node>()
  #nodes = 0
  #expanding = 0
  /** Where the alias stands that is being followed: what goes wrong within it goes wrong there. */
  #from: Offset | null = null

  read(node: Node, depth: number): Tree {
    try {
      return this.#tree(node, depth)
    } catch (thrown) {
      if (thrown instanceof Enough) return new MapNode(new Map(), 0)
      throw thrown
    }
  }

  #tree(node: Node, depth: number): Tree {
    const at = node.range?.[0] ?? 0
    if (++this.#nodes > MOST_NODES) this.#stop(at, TOO_MANY)
    if (depth > DEEPEST) this.#stop(at, TOO_DEEP)
    if (isAlias(node)) return this.#alias(node, at, depth)
    if (node.anchor && this.#expanding === 0) this.#anchors.set(node.anchor, node)
    if (isScalar(node)) return new ScalarNode(String(node.value ?? ''), node.type === Scalar.PLAIN, at)
    this.#open.add(node)
    const tree = isMap(node) ? this.#section(node, depth) : this.#list(node, depth)
    this.#open.delete(node)
    return tree
  }

  #list(node: Node, depth: number): ListNode {
    const items = isSeq(node) ? node.items : []
    return new ListNode(
      items.map((item) => this.#tree(item as Node, depth + 1)),
      node.range?.[0] ?? 0,
    )
  }

  #alias(alias: Alias, at: Offset, depth: number): Tree {
    const name = alias.source
    const node = this.#targets.get(alias) ?? this.#anchors.get(name)
    if (!node)
      return this.#fault(
        at,
        `nothing before this is called '&${name}'; a text that begins with * needs quotes`,
      )
    if (this.#open.has(node)) return this.#fault(at, `'*${name}' would contain itself`)
    this.#targets.set(alias, node)
    const outer = this.#from
    this.#from ??= at
    this.#expanding++
    const tree = this.#tree(node, depth)
    this.#expanding--
    this.#from = outer
    return tree
  }

  #section(node: YAMLMap, depth: number): MapNode {
    const entries = new Map<string, Entry>()
    const merged: Tree[] = []
    for (const pair of node.items as Pair<Node, Node | null>[]) {
      const key = this.#key(pair.key)
      if (!key) continue
      const value = pair.value ? this.#tree(pair.value, depth + 1) : new ScalarNode('', true, key.at)
      if (key.text === '<<' && key.isPlain) merged.push(value)
      else if (entries.has(key.text)) this.#fault(key.at, `'${key.text}' is there twice`)
      else entries.set(key.text, { at: key.at, value })
    }
    for (const tree of merged) this.#merge(tree, entries)
    return new MapNode(entries, node.range?.[0] ?? 0)
  }

  #key(node: Node | null): ScalarNode | null {
    if (isScalar(node) && node.value !== '')
      return new ScalarNode(String(node.value), node.type === Scalar.PLAIN, node.range?.[0] ?? 0)
    this.#fault(node?.range?.[0] ?? 0, 'a key must be a word')
    return null
  }

  /** What `<<` brings in gives way to what is there, and an earlier one goes before a later one. */
  #merge(tree: Tree, into: Map<string, Entry>): void {
    if (tree instanceof MapNode) {
      for (const [key, entry] of tree.entries) if (!into.has(key)) into.set(key, entry)
    } else if (tree instanceof ListNode) {
      for (const item of tree.items) this.#merge(item, into)
    } else if (tree.text !== '')
      this.#fault(tree.at, '`<<` merges a map or a list of maps, such as `<<: *defaults`')
  }

  #fault(at: Offset, message: string): ScalarNode {
    this.problems.push({ at, message })
    return new ScalarNode('', true, at)
  }

  #stop(at: Offset, message: string): never {
    this.problems.push({ at: this.#from ?? at, message })
    throw new Enough()
  }
}
