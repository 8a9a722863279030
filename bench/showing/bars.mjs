// Draws a chart of horizontal bars, in groups: one bar per method.
import { coloursOf, LINE, line, paper, scale, short, text, WIDTH } from './svg.mjs'

const LEFT = 250
const RIGHT = WIDTH - 90
const TOP = 54
const HEAD = 26

/** Draws the chart. `groups` is an array of `{ label, bars: [{ label, value }] }`; a bar without a value shows its `missing`. */
export function bars({ title, unit, log = false, groups }) {
  const values = groups.flatMap((group) => group.bars.map(({ value }) => value))
  const { ticks, at } = scale(values, { log, from: LEFT, to: RIGHT })
  const colours = coloursOf([...new Set(groups.flatMap((group) => group.bars.map(({ label }) => label)))])
  const body = []
  let y = TOP
  for (const group of groups) {
    if (group.label) body.push(text(20, y + 17, group.label, { kind: 'heading' }))
    y += group.label ? HEAD : 0
    for (const bar of group.bars) {
      body.push(...barAt(y, bar, colours.get(bar.label), at))
      y += LINE
    }
    y += 10
  }
  const grid = ticks.flatMap((tick) => [
    line(at(tick), TOP, at(tick), y, 'grid'),
    text(at(tick), y + 16, short(tick), { anchor: 'middle', kind: 'faint' }),
  ])
  const axis = text(RIGHT, y + 34, log ? `${unit}, logarithmic scale` : unit, {
    anchor: 'end',
    kind: 'faint',
  })
  return paper({ title, description: inWords(groups, unit), height: y + 46, body: [...grid, ...body, axis] })
}

function barAt(y, { label, value, missing }, colour, at) {
  const name = text(LEFT - 10, y + 15, label, { anchor: 'end' })
  if (!Number.isFinite(value))
    return [name, text(LEFT + 6, y + 15, missing ?? 'not measured', { kind: 'faint' })]
  const width = Math.max(2, at(value) - LEFT)
  return [
    name,
    `  <rect class="fill-${colour}" x="${LEFT}" y="${y + 3}" width="${width.toFixed(1)}" height="${LINE - 6}" rx="2"/>`,
    text(LEFT + width + 6, y + 15, short(value)),
  ]
}

const inWords = (groups, unit) =>
  groups
    .map(({ label, bars }) => {
      const said = bars.map((bar) =>
        Number.isFinite(bar.value) ? `${bar.label} ${short(bar.value)} ${unit}` : `${bar.label} not measured`,
      )
      return `${label ? `${label}: ` : ''}${said.join(', ')}.`
    })
    .join(' ')
