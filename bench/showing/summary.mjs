// Compares every target with the measured figure, and gives the reason if it is not reached.
import { number } from './tables.mjs'

const COLUMNS = ['target', 'bound', 'figure', 'result', 'reason']

/** Compares the rounded figure, so that a figure that is shown as equal to the target has reached it. */
export function isReached({ most, least }, figure) {
  const shown = Number(number(figure))
  return most !== undefined ? shown <= most : shown >= least
}

const withUnit = (value, unit) => (unit === 'x' ? `x${value}` : `${value} ${unit}`.trim())

function row(target, figure) {
  const { what, most, least, unit, reason } = target
  const bound = most !== undefined ? `<= ${withUnit(most, unit)}` : `>= ${withUnit(least, unit)}`
  if (!Number.isFinite(figure))
    return [what, bound, 'not measured', 'not reached', figure ?? 'it did not run']
  const shown = withUnit(number(figure), unit)
  return isReached(target, figure)
    ? [what, bound, shown, 'reached', '']
    : [what, bound, shown, '**not reached**', reason ?? '']
}

/** Builds the table of targets. `figures` has a number per target, or a string with the reason for a missing number. */
export function summaryOf(targets, figures) {
  return {
    columns: COLUMNS,
    rows: Object.entries(targets).map(([key, target]) => row(target, figures[key])),
  }
}

/** Returns the targets of the given subjects. */
export const targetsOf = (targets, subjects) =>
  Object.fromEntries(Object.entries(targets).filter(([, { subject }]) => subjects.includes(subject)))
