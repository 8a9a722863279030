import { type Entry, Section, type Tree } from './nodes.ts'

/** What `over` says goes before what `under` says; maps are merged key by key, everything else is replaced. */
export function merge(under: Tree | undefined, over: Tree): Tree {
  if (!(under instanceof Section && over instanceof Section)) return over
  const entries = new Map<string, Entry>(under.entries)
  for (const [key, { at, value }] of over.entries) {
    entries.set(key, { at, value: merge(under.get(key), value) })
  }
  return new Section(entries, over.at)
}

/** A section without one of its keys. */
export function without(section: Section, key: string): Section {
  const entries = new Map(section.entries)
  entries.delete(key)
  return new Section(entries, section.at)
}

/** A section with one of its keys changed; a key that is not there is left alone. */
export function withChanged(section: Section, key: string, change: (value: Tree) => Tree): Section {
  const entry = section.entries.get(key)
  if (!entry) return section
  return new Section(
    new Map(section.entries).set(key, { at: entry.at, value: change(entry.value) }),
    section.at,
  )
}
