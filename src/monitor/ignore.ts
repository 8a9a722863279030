import type { Stats } from 'node:fs'
import path from 'node:path'

const IGNORED_DIRECTORIES = new Set(['node_modules', '.git'])
const LOG_FILE = /\.log$/

/** Returns true if a file below one of the roots is ignored. A root itself is never ignored. */
export function ignores(
  rules: readonly (string | RegExp)[],
  roots: readonly string[],
  file: string,
  stats: Stats | undefined,
): boolean {
  if (roots.includes(file)) return false
  if (stats?.isSocket() || stats?.isFIFO()) return true
  const root = rootOf(roots, file)
  if (root === undefined) return false
  const relative = path.relative(root, file)
  const parts = relative.split(path.sep)
  if (LOG_FILE.test(file) || parts.some((part) => IGNORED_DIRECTORIES.has(part))) return true
  return rules.some((rule) => matches(rule, relative, file, parts))
}

/** Returns the innermost root that contains the file, because one root can be inside another. */
export function rootOf(roots: readonly string[], file: string): string | undefined {
  return roots
    .filter((root) => file.startsWith(root.endsWith(path.sep) ? root : root + path.sep))
    .sort((a, b) => b.length - a.length)[0]
}

function matches(rule: string | RegExp, relative: string, file: string, parts: readonly string[]): boolean {
  // Copy the user's pattern without its flags g and y, which make a pattern remember its position between calls.
  if (typeof rule !== 'string') return new RegExp(rule.source, rule.flags.replace(/[gy]/g, '')).test(relative)
  const plain = path.normalize(rule).replace(/[/\\]$/, '')
  const isWithin = (whole: string): boolean => whole === plain || whole.startsWith(plain + path.sep)
  return parts.includes(plain) || isWithin(relative) || isWithin(file)
}
