// Draws a chart of lines: cost by number or size.
import { coloursOf, line, paper, scale, short, text, WIDTH } from './svg.mjs'

const BOX = { left: 74, right: WIDTH - 250, top: 64, bottom: 330 }
const HEIGHT = 384
const LABEL = 18

/** Draws the chart. `series` is an array of `{ label, points: [[x, y], ...] }`; points without a value are left out. */
export function lines({ title, x, y, log = true, series }) {
  const whole = series.map(({ label, points }) => ({
    label,
    points: points.filter((point) => point.every((value) => Number.isFinite(value) && (!log || value > 0))),
  }))
  const shown = whole.filter(({ points }) => points.length > 0)
  if (shown.length === 0) return paper({ title, description: 'Nothing was measured.', height: 60, body: [] })
  const all = shown.flatMap(({ points }) => points)
  const across = scale(
    all.map(([value]) => value),
    { log, from: BOX.left, to: BOX.right },
  )
  const up = scale(
    all.map(([, value]) => value),
    { log, from: BOX.bottom, to: BOX.top },
  )
  const colours = coloursOf(shown.map(({ label }) => label))
  const body = [
    ...gridOf(across, up),
    text(20, 52, y, { kind: 'faint' }),
    text(BOX.right, BOX.bottom + 38, x, { anchor: 'end', kind: 'faint' }),
    ...shown.flatMap((one) => lineOf(one, colours.get(one.label), across, up)),
    ...labelsOf(shown, colours, up),
  ]
  return paper({ title, description: inWords(shown, x, y), height: HEIGHT, body })
}

const gridOf = (across, up) => [
  ...across.ticks.flatMap((tick) => [
    line(across.at(tick), BOX.top, across.at(tick), BOX.bottom, 'grid'),
    text(across.at(tick), BOX.bottom + 18, short(tick), { anchor: 'middle', kind: 'faint' }),
  ]),
  ...up.ticks.flatMap((tick) => [
    line(BOX.left, up.at(tick), BOX.right, up.at(tick), 'grid'),
    text(BOX.left - 8, up.at(tick) + 4, short(tick), { anchor: 'end', kind: 'faint' }),
  ]),
]

function lineOf({ points }, colour, across, up) {
  const places = points.map(([x, y]) => [across.at(x).toFixed(1), up.at(y).toFixed(1)])
  return [
    `  <polyline class="line line-${colour}" points="${places.map((place) => place.join(',')).join(' ')}"/>`,
    ...places.map(([x, y]) => `  <circle class="fill-${colour}" cx="${x}" cy="${y}" r="3.5"/>`),
  ]
}

/** Places each label at the end of its line, and moves it down if another label is there. */
function labelsOf(series, colours, up) {
  const ends = series.map(({ label, points }) => ({
    label,
    value: points.at(-1)[1],
    y: up.at(points.at(-1)[1]),
  }))
  ends.sort((a, b) => a.y - b.y)
  let free = BOX.top
  return ends.flatMap(({ label, value, y }) => {
    const place = Math.max(free, y)
    free = place + LABEL
    return [
      `  <rect class="fill-${colours.get(label)}" x="${BOX.right + 12}" y="${(place - 5).toFixed(1)}" width="10" height="10" rx="2"/>`,
      text(BOX.right + 28, place + 4, `${label}: ${short(value)}`),
    ]
  })
}

const inWords = (series, x, y) =>
  `${y} against ${x}. ${series
    .map(
      ({ label, points }) =>
        `${label}: ${points.map(([at, value]) => `${short(value)} at ${short(at)}`).join(', ')}.`,
    )
    .join(' ')}`
