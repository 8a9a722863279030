import { nearest } from '../../options/suggest.ts'

/** What is said of the name of a child or pool that there is not; null for one that there is. */
export function known(name: string, names: readonly string[]): string | null {
  if (names.includes(name)) return null
  const meant = nearest(name, names)
  return `no child or pool is called '${name}'${meant ? `; did you mean '${meant}'?` : ''}`
}
