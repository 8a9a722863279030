// Numbers and tables, as Markdown that reads well in a terminal too.
import { pairedRatio, summary, valuesOf } from '../measuring/statistics.mjs'

const digits = (value) => (Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2)

export function number(value) {
  if (!Number.isFinite(value)) return 'not measured'
  return Number.isInteger(value) ? String(value) : value.toFixed(digits(value))
}

/** Median and quartiles in one cell. */
export function spread(values) {
  const found = summary(values)
  return found ? `${number(found.median)} [${number(found.q1)}..${number(found.q3)}]` : 'not measured'
}

/** The cell of a method: its figures, or what went wrong. */
export const cell = ({ samples, error }, key) =>
  error === null ? spread(valuesOf(samples, key)) : `failed: ${error}`

export const times = (ratio) => (ratio === null ? '' : `x${ratio.toFixed(2)}`)

/** A ratio to a limit that was measured in the same rounds; the limit itself is x1. */
export function ratioCell(result, limit, key) {
  if (result.error !== null || limit.error !== null) return ''
  return result === limit ? 'x1' : times(pairedRatio(result.samples, limit.samples, key))
}

/** A column that has nothing in any row is left out. */
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
