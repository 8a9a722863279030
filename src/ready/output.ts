import { first, type Source } from './signals.ts'

/** Resolves at the first line, of stdout or stderr, that the pattern matches. */
export function whenOutput(pattern: RegExp, onLine: Source<string>, signal: AbortSignal): Promise<void> {
  // A copy: the user's pattern may be sticky or global, and keep its place between calls.
  const matcher = new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, ''))
  return first(onLine, (line) => matcher.test(line), signal)
}
