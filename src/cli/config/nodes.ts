/** A position in a file: an offset into its text. */
export type Offset = number

/** A scalar as the file writes it. Its meaning depends on the key. */
export class ScalarNode {
  readonly text: string
  /** Written without quotes: `yes`, `8080` and `~` can be something else than strings. */
  readonly isPlain: boolean
  readonly at: Offset

  constructor(text: string, isPlain: boolean, at: Offset) {
    this.text = text
    this.isPlain = isPlain
    this.at = at
  }
}

/** The value of a key, with the position of the key. */
export interface Entry {
  readonly at: Offset
  readonly value: Tree
}

/** A map of the file. Its entries are a `Map`, because a child can be called `__proto__` (docs/hazards.md#h62). */
export class MapNode {
  readonly entries: ReadonlyMap<string, Entry>
  readonly at: Offset

  constructor(entries: ReadonlyMap<string, Entry>, at: Offset) {
    this.entries = entries
    this.at = at
  }

  get(key: string): Tree | undefined {
    return this.entries.get(key)?.value
  }
}

/** A list of the file. */
export class ListNode {
  readonly items: readonly Tree[]
  readonly at: Offset

  constructor(items: readonly Tree[], at: Offset) {
    this.items = items
    this.at = at
  }
}

/** The content of a configuration file, before validation. */
export type Tree = ScalarNode | MapNode | ListNode

/** The keys and indexes that lead to a part of a tree. */
export type KeyPath = readonly (string | number)[]

/** Returns the position of the last key or item of a path. If it does not exist, returns that of its nearest parent. */
export function locate(tree: Tree, path: KeyPath): Offset {
  let at = tree.at
  let node: Tree | undefined = tree
  for (const step of path) {
    const entry: Entry | undefined = node instanceof MapNode ? node.entries.get(String(step)) : undefined
    const item: Tree | undefined = node instanceof ListNode ? node.items[Number(step)] : undefined
    node = entry?.value ?? item
    if (!node) return at
    at = entry?.at ?? node.at
  }
  return at
}

/** Merges `over` into `under`: maps are merged key by key, everything else is replaced. */
export function merge(under: Tree | undefined, over: Tree): Tree {
  if (!(under instanceof MapNode && over instanceof MapNode)) return over
  const entries = new Map<string, Entry>(under.entries)
  for (const [key, { at, value }] of over.entries) {
    entries.set(key, { at, value: merge(under.get(key), value) })
  }
  return new MapNode(entries, over.at)
}

/** Returns a map without one of its keys. */
export function without(map: MapNode, key: string): MapNode {
  const entries = new Map(map.entries)
  entries.delete(key)
  return new MapNode(entries, map.at)
}

/** Returns a map with the value of one key changed. A missing key is not added. */
export function withChanged(map: MapNode, key: string, change: (value: Tree) => Tree): MapNode {
  const entry = map.entries.get(key)
  if (!entry) return map
  return new MapNode(new Map(map.entries).set(key, { at: entry.at, value: change(entry.value) }), map.at)
}
