// Every target beside what was measured: reached, or not and why.
import { number } from './tables.mjs'

const COLUMNS = ['target', 'at most or least', 'figure', '', 'why not']

/** Rounded as it is shown: what reads as the target has reached it. */
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

/** `figures` are numbers by the keys of the targets; a text in place of a number says why there is none. */
export function summaryOf(targets, figures) {
  return {
    columns: COLUMNS,
    rows: Object.entries(targets).map(([key, target]) => row(target, figures[key])),
  }
}

/** Those of the subjects that ran. */
export const targetsOf = (targets, subjects) =>
  Object.fromEntries(Object.entries(targets).filter(([, { subject }]) => subjects.includes(subject)))
