import type { Result } from './chaos.ts'

/** Returns the quantile of the values for a share from 0 to 1; `null` if there are no values. */
export function quantile(values: readonly number[], share: number): number | null {
  const sorted = [...values].sort((one, other) => one - other)
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? null
}

const HEAD = ['fault', 'times', 'held', 'p50', 'p99', 'worst']

export const milliseconds = (value: number | null): string =>
  value === null ? '-' : `${Math.round(value)} ms`

function cells({ name, done, held, times, missing }: Result): string[] {
  if (missing !== null) return [name, '-', `cannot run here: ${missing}`]
  const figures = [0.5, 0.99, 1].map((share) => milliseconds(quantile(times, share)))
  return [name, String(done), String(held), ...figures]
}

/** Returns a table with one line for each fault. */
export function render(results: readonly Result[]): string {
  const rows = [HEAD, ...results.map(cells)]
  const widths = HEAD.map((_, column) =>
    Math.max(...rows.filter((row) => row.length === HEAD.length).map((row) => row[column]?.length ?? 0)),
  )
  widths[0] = Math.max(...rows.map(([name = '']) => name.length))
  return rows.map((row) => line(row, widths)).join('\n')
}

const line = (row: readonly string[], widths: readonly number[]): string =>
  row
    .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
    .join('  ')
    .trimEnd()
