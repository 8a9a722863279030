import type { Rules } from '../options.ts'

/** The facts about a request that decide whether it counts as activity. */
export interface RequestKind {
  /** As the child sees it. */
  readonly path: string
  readonly isUpgrade: boolean
}

/** Returns true for a request that neither starts a child nor keeps it running. */
export function isIgnored({ websocket, ignore }: Rules, { path, isUpgrade }: RequestKind): boolean {
  if (isUpgrade && websocket === 'ignore') return true
  if (ignore.length === 0) return false
  const query = path.indexOf('?')
  const pathname = query < 0 ? path : path.slice(0, query)
  return ignore.some((pattern) => matches(pattern, pathname))
}

function matches(pattern: string | RegExp, pathname: string): boolean {
  // Use search(), because test() keeps `lastIndex` of a /g or /y pattern from one request to the next.
  if (typeof pattern !== 'string') return pathname.search(pattern) >= 0
  return pattern.endsWith('*') ? pathname.startsWith(pattern.slice(0, -1)) : pathname === pattern
}
