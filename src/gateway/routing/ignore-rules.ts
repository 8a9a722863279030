import type { Rules } from '../options.ts'

/** What a request is, as far as the rules of activity look at it. */
export interface RequestKind {
  /** As the child sees it. */
  readonly path: string
  readonly isUpgrade: boolean
}

/** Whether a request neither wakes a child nor keeps it awake. */
export function isIgnored({ websocket, ignore }: Rules, { path, isUpgrade }: RequestKind): boolean {
  if (isUpgrade && websocket === 'ignore') return true
  if (ignore.length === 0) return false
  const query = path.indexOf('?')
  const pathname = query < 0 ? path : path.slice(0, query)
  return ignore.some((pattern) => fits(pattern, pathname))
}

function fits(pattern: string | RegExp, pathname: string): boolean {
  // A pattern that remembers where it stopped (`/g`, `/y`) must not do so from one request to the next.
  if (typeof pattern !== 'string') return pathname.search(pattern) >= 0
  return pattern.endsWith('*') ? pathname.startsWith(pattern.slice(0, -1)) : pathname === pattern
}
