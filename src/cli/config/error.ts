import type { Offset } from './nodes.ts'

/** Something that is wrong with a configuration file, and where. */
export interface Problem {
  readonly at: Offset
  readonly message: string
}

/** A configuration that cannot be used. The message names every problem, each with file, line and column. */
export class ConfigError extends Error {
  readonly lines: readonly string[]

  constructor(lines: readonly string[]) {
    super(lines.join('\n'))
    this.name = 'ConfigError'
    this.lines = lines
  }
}

/** So many problems are told; a file with more of them has one cause. */
const MOST_TOLD = 50

/** The problems of one file as an error, in the order of the file, each once. */
export function errorOf(file: string, text: string, problems: readonly Problem[]): ConfigError {
  const sorted = [...problems].sort((one, other) => one.at - other.at)
  const lines = new Set(sorted.map(({ at, message }) => `${file}:${placeOf(text, at)}: ${message}`))
  const told = [...lines].slice(0, MOST_TOLD)
  if (lines.size > MOST_TOLD) told.push(`${file}: and ${lines.size - MOST_TOLD} more`)
  return new ConfigError(told)
}

/** Line and column, both from 1, as editors count. */
export function placeOf(text: string, at: Offset): string {
  const before = text.slice(0, at)
  const start = before.lastIndexOf('\n') + 1
  const line = before.split('\n').length
  return `${line}:${at - start + 1}`
}
