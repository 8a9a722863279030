import type { Stats } from 'node:fs'
import path from 'node:path'

const FOLDERS = new Set(['node_modules', '.git'])
const LOGS = /\.log$/

/** Whether a file below one of the roots is left out. A root itself never is. */
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
  if (LOGS.test(file) || parts.some((part) => FOLDERS.has(part))) return true
  return rules.some((rule) => matches(rule, relative, file, parts))
}

/** The root that a file lies below: the innermost, since one may be named below another. */
export function rootOf(roots: readonly string[], file: string): string | undefined {
  return roots
    .filter((root) => file.startsWith(root.endsWith(path.sep) ? root : root + path.sep))
    .sort((a, b) => b.length - a.length)[0]
}

function matches(rule: string | RegExp, relative: string, file: string, parts: readonly string[]): boolean {
  if (typeof rule !== 'string') return new RegExp(rule.source, rule.flags.replace(/[gy]/g, '')).test(relative)
  const plain = path.normalize(rule).replace(/[/\\]$/, '')
  const within = (whole: string): boolean => whole === plain || whole.startsWith(plain + path.sep)
  return parts.includes(plain) || within(relative) || within(file)
}
