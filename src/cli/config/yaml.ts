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
import { MAX_BYTES, MAX_DEPTH, MAX_NODES, scan, TOO_DEEP, TOO_MANY } from './yaml-limits.ts'

/** Parses a file into a tree and a list of problems. Does not throw, and does not take long (docs/hazards.md#h63). */
export function readYaml(text: string): { readonly tree: MapNode; readonly problems: readonly Problem[] } {
  const empty = new MapNode(new Map(), 0)
  if (Buffer.byteLength(text) > MAX_BYTES)
    return { tree: empty, problems: [{ at: 0, message: 'too large: a configuration has at most 1 MB' }] }
  const tooMuch = scan(new Lexer().lex(text))
  if (tooMuch) return { tree: empty, problems: [tooMuch] }
  const document = parse(text)
  if (!('contents' in document)) return { tree: empty, problems: [document] }
  const faults = [...document.errors, ...document.warnings]
  const problems = faults.map(({ pos, message }) => ({
    at: pos[0],
    message: message.split('\n', 1)[0] ?? '',
  }))
  if (problems.length > 0) return { tree: empty, problems }
  const walk = new Walk()
  const { contents } = document
  const isEmpty = contents === null || (isScalar(contents) && contents.value === '')
  const tree = isEmpty ? empty : walk.read(contents, 0)
  if (tree instanceof MapNode) return { tree, problems: walk.problems }
  const message = 'a configuration must be a map, with keys such as `children:`'
  return { tree: empty, problems: [...walk.problems, { at: tree.at, message }] }
}

/** Formats a value as the text of a file. */
export const writeYaml = (value: unknown): string =>
  stringify(value, { lineWidth: 0, aliasDuplicateObjects: false })

/** Parses without resolving scalars: their meaning depends on the key. */
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

/** Ends the walk over a document that exceeds a limit. */
class LimitExceeded extends Error {}

/** Converts a document to a tree. Aliases are expanded, and what they expand to counts towards the limits. */
class Walk {
  readonly problems: Problem[] = []
  readonly #anchors = new Map<string, Node>()
  /** The node that each alias refers to: the same anchor can be defined again further down. */
  readonly #targets = new Map<Alias, Node>()
  readonly #open = new Set<Node>()
  #nodes = 0
  #expanding = 0
  /** Position of the outermost alias that is being expanded, at which limits are reported. */
  #aliasAt: Offset | null = null

  read(node: Node, depth: number): Tree {
    try {
      return this.#tree(node, depth)
    } catch (thrown) {
      if (thrown instanceof LimitExceeded) return new MapNode(new Map(), 0)
      throw thrown
    }
  }

  #tree(node: Node, depth: number): Tree {
    const at = node.range?.[0] ?? 0
    if (++this.#nodes > MAX_NODES) this.#stop(at, TOO_MANY)
    if (depth > MAX_DEPTH) this.#stop(at, TOO_DEEP)
    if (isAlias(node)) return this.#alias(node, at, depth)
    if (node.anchor && this.#expanding === 0) this.#anchors.set(node.anchor, node)
    if (isScalar(node)) return new ScalarNode(String(node.value ?? ''), node.type === Scalar.PLAIN, at)
    this.#open.add(node)
    const tree = isMap(node) ? this.#map(node, depth) : this.#list(node, depth)
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
      return this.#report(
        at,
        `no anchor '&${name}' precedes this alias; a string that begins with * needs quotes`,
      )
    if (this.#open.has(node)) return this.#report(at, `'*${name}' contains itself`)
    this.#targets.set(alias, node)
    const outer = this.#aliasAt
    this.#aliasAt ??= at
    this.#expanding++
    const tree = this.#tree(node, depth)
    this.#expanding--
    this.#aliasAt = outer
    return tree
  }

  #map(node: YAMLMap, depth: number): MapNode {
    const entries = new Map<string, Entry>()
    const merged: Tree[] = []
    for (const pair of node.items as Pair<Node, Node | null>[]) {
      const key = this.#key(pair.key)
      if (!key) continue
      const value = pair.value ? this.#tree(pair.value, depth + 1) : new ScalarNode('', true, key.at)
      if (key.text === '<<' && key.isPlain) merged.push(value)
      else if (entries.has(key.text)) this.#report(key.at, `duplicate key '${key.text}'`)
      else entries.set(key.text, { at: key.at, value })
    }
    for (const tree of merged) this.#merge(tree, entries)
    return new MapNode(entries, node.range?.[0] ?? 0)
  }

  #key(node: Node | null): ScalarNode | null {
    if (isScalar(node) && node.value !== '')
      return new ScalarNode(String(node.value), node.type === Scalar.PLAIN, node.range?.[0] ?? 0)
    this.#report(node?.range?.[0] ?? 0, 'a key must be a string')
    return null
  }

  /** Merges the value of `<<`. Existing keys win, and earlier values win over later ones. */
  #merge(tree: Tree, into: Map<string, Entry>): void {
    if (tree instanceof MapNode) {
      for (const [key, entry] of tree.entries) if (!into.has(key)) into.set(key, entry)
    } else if (tree instanceof ListNode) {
      for (const item of tree.items) this.#merge(item, into)
    } else if (tree.text !== '')
      this.#report(tree.at, '`<<` must be a map or a list of maps, such as `<<: *defaults`')
  }

  #report(at: Offset, message: string): ScalarNode {
    this.problems.push({ at, message })
    return new ScalarNode('', true, at)
  }

  #stop(at: Offset, message: string): never {
    this.problems.push({ at: this.#aliasAt ?? at, message })
    throw new LimitExceeded()
  }
}
