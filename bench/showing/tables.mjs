// Formats numbers and tables as Markdown that is also readable in a terminal.
import { pairedRatio, summary, valuesOf } from '../measuring/statistics.mjs'

const digits = (value) => (Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2)

export function number(value) {
  if (!Number.isFinite(value)) return 'not measured'
  return Number.isInteger(value) ? String(value) : value.toFixed(digits(value))
}

/** Formats median and quartiles for one cell. */
export function spread(values) {
  const found = summary(values)
  return found ? `${number(found.median)} [${number(found.q1)}..${number(found.q3)}]` : 'not measured'
}

/** Formats the cell of a method: its figures, or its error. */
export const cell = ({ samples, error }, key) =>
  error === null ? spread(valuesOf(samples, key)) : `failed: ${error}`

export const times = (ratio) => (ratio === null ? '' : `x${ratio.toFixed(2)}`)

/** Formats the ratio to a limit that was measured in the same rounds; the limit itself is x1. */
export function ratioCell(result, limit, key) {
  if (result.error !== null || limit.error !== null) return ''
  return result === limit ? 'x1' : times(pairedRatio(result.samples, limit.samples, key))
}

/** Renders a table. A column without a name and without any cell is left out. */
export function render({ title, note, columns, rows }) {
  const used = columns.map((column, at) => column !== '' || rows.some((row) => row[at]))
  const kept = (cells) => cells.filter((_cell, at) => used[at])
  const names = kept(columns)
  const lines = rows.map((row) => kept(columns.map((_column, at) => String(row[at] ?? ''))))
  const widths = names.map((name, at) => Math.max(3, name.length, ...lines.map((cells) => cells[at].length)))
  const line = (cells) => `| ${widths.map((width, at) => cells[at].padEnd(width)).join(' | ')} |`
  const rule = `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`
  const head = title ? [`## ${title}`, ''] : []
  return [...head, ...(note ? [note, ''] : []), line(names), rule, ...lines.map(line), ''].join('\n')
}
