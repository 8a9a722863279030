/** Where something stands in its file: an offset into the text. */
export type Offset = number

/** One word of the file as it was written: what it means depends on who asks. */
export class ScalarNode {
  readonly text: string
  /** Written without quotes, so that `yes`, `8080` and `~` may be more than texts. */
  readonly isPlain: boolean
  readonly at: Offset

  constructor(text: string, isPlain: boolean, at: Offset) {
    this.text = text
    this.isPlain = isPlain
    this.at = at
  }
}

/** A key of a section, with the place where it stands. */
export interface Entry {
  readonly at: Offset
  readonly value: Tree
}

/** A map of the file. A `Map`, since a child may be called `__proto__` (docs/hazards.md#h62). */
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

/** What a configuration file says, before anyone has decided what it means. */
export type Tree = ScalarNode | MapNode | ListNode

/** Where in a tree something is: the keys and indexes that lead to it. */
export type KeyPath = readonly (string | number)[]

/** Where the last part of a way stands: a key, or an item. What is not there stands where its nearest parent does. */
export function locate(tree: Tree, way: KeyPath): Offset {
  let at = tree.at
  let here: Tree | undefined = tree
  for (const step of way) {
    const entry: Entry | undefined = here instanceof MapNode ? here.entries.get(String(step)) : undefined
    const item: Tree | undefined = here instanceof ListNode ? here.items[Number(step)] : undefined
    here = entry?.value ?? item
    if (!here) return at
    at = entry?.at ?? here.at
  }
  return at
}

/** The tree at the end of a way. */
export function follow(tree: Tree, way: KeyPath): Tree | undefined {
  let here: Tree | undefined = tree
  for (const step of way) {
    if (here instanceof MapNode) here = here.get(String(step))
    else if (here instanceof ListNode) here = here.items[Number(step)]
    else return undefined
  }
  return here
}

/** The same with plain maps and lists, the maps without a prototype. Words stay. */
export function plainOf(tree: Tree): unknown {
  if (tree instanceof ListNode) return tree.items.map(plainOf)
  if (tree instanceof ScalarNode) return tree
  const plain: Record<string, unknown> = Object.create(null)
  for (const [key, { value }] of tree.entries) plain[key] = plainOf(value)
  return plain
}

/** What `over` says goes before what `under` says; maps are merged key by key, everything else is replaced. */
export function merge(under: Tree | undefined, over: Tree): Tree {
  if (!(under instanceof MapNode && over instanceof MapNode)) return over
  const entries = new Map<string, Entry>(under.entries)
  for (const [key, { at, value }] of over.entries) {
    entries.set(key, { at, value: merge(under.get(key), value) })
  }
  return new MapNode(entries, over.at)
}

/** A section without one of its keys. */
export function without(section: MapNode, key: string): MapNode {
  const entries = new Map(section.entries)
  entries.delete(key)
  return new MapNode(entries, section.at)
}

/** A section with one of its keys changed; a key that is not there is left alone. */
export function withChanged(section: MapNode, key: string, change: (value: Tree) => Tree): MapNode {
  const entry = section.entries.get(key)
  if (!entry) return section
  return new MapNode(
    new Map(section.entries).set(key, { at: entry.at, value: change(entry.value) }),
    section.at,
  )
}
