import type { Offset } from './nodes.ts'

/** A problem of a configuration file, and its position. */
export interface Problem {
  readonly at: Offset
  readonly message: string
}

/** Error for an invalid configuration. The message lists all problems, each with file, line and column. */
export class ConfigError extends Error {
  readonly lines: readonly string[]

  constructor(lines: readonly string[]) {
    super(lines.join('\n'))
    this.name = 'ConfigError'
    this.lines = lines
  }
}

/** A file with more problems than this has one cause, and a longer list does not help to find it. */
const MAX_LISTED = 50

/** Creates the error for the problems of one file: in the order of the file, without duplicates. */
export function errorOf(file: string, text: string, problems: readonly Problem[]): ConfigError {
  const sorted = [...problems].sort((one, other) => one.at - other.at)
  const lines = new Set(sorted.map(({ at, message }) => `${file}:${positionOf(text, at)}: ${message}`))
  const listed = [...lines].slice(0, MAX_LISTED)
  if (lines.size > MAX_LISTED) listed.push(`${file}: and ${lines.size - MAX_LISTED} more`)
  return new ConfigError(listed)
}

/** Returns line and column. Both begin with 1, as in editors. */
export function positionOf(text: string, at: Offset): string {
  const before = text.slice(0, at)
  const start = before.lastIndexOf('\n') + 1
  const line = before.split('\n').length
  return `${line}:${at - start + 1}`
}
