// Shared parts of all charts: paper, colours for light and dark mode, text, scales and ticks.

export const WIDTH = 760
export const LINE = 22

/** Colours that colour-blind readers can distinguish, on light and on dark paper. */
const COLOURS = ['#3b7dd8', '#d97706', '#2f9e6e', '#b4469b', '#7a6ff0', '#8a8f98', '#c2410c', '#0e8fa8']
const colourRules = COLOURS.map(
  (colour, at) => `.fill-${at} { fill: ${colour} } .line-${at} { stroke: ${colour} }`,
)

const STYLE = `
    .paper { fill: #ffffff }
    text { font: 13px ui-sans-serif, system-ui, sans-serif; fill: #1d2733 }
    .heading { font-size: 15px; font-weight: 600 }
    .faint { fill: #5b6675; font-size: 12px }
    .grid { stroke: #dfe4ea; stroke-width: 1 }
    .line { fill: none; stroke-width: 2.2 }
    ${colourRules.join('\n    ')}
    @media (prefers-color-scheme: dark) {
      .paper { fill: #12171e }
      text { fill: #e6ebf1 }
      .faint { fill: #97a3b3 }
      .grid { stroke: #2b3440 }
    }`

const [OURS, LIMIT, ...OTHERS] = [0, 5, 1, 2, 3, 4, 6, 7]

/** Assigns a colour to each label. spinner and the limits have the same colours in all charts. */
export function coloursOf(labels) {
  const isOurs = (label) => label === 'spinner'
  const isLimit = (label) => /^(bare|no proxy)/.test(label)
  const others = labels.filter((label) => !isOurs(label) && !isLimit(label))
  const colourOf = (label) =>
    isOurs(label) ? OURS : isLimit(label) ? LIMIT : OTHERS[others.indexOf(label) % OTHERS.length]
  return new Map(labels.map((label) => [label, colourOf(label)]))
}

const ESCAPES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }
export const escaped = (text) => String(text).replace(/[&<>"]/g, (sign) => ESCAPES[sign])

const round = (value) => Number(value.toFixed(1))

export const text = (x, y, words, { anchor = 'start', kind = '' } = {}) =>
  `  <text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}"${kind ? ` class="${kind}"` : ''}>${escaped(words)}</text>`

export const line = (x1, y1, x2, y2, kind) =>
  `  <line class="${kind}" x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}"/>`

/** Renders a whole chart. `description` describes it in words. */
export function paper({ title, description, height, body }) {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${round(height)}" role="img" aria-labelledby="title desc">
  <title id="title">${escaped(title)}</title>
  <desc id="desc">${escaped(description)}</desc>
  <style>${STYLE}
  </style>
  <rect class="paper" width="${WIDTH}" height="${round(height)}" rx="12"/>
${[text(20, 32, title, { kind: 'heading' }), ...body].join('\n')}
</svg>
`
}

/** Maps values to positions between `from` and `to`, and returns the ticks of the grid. */
export function scale(values, { log = false, from, to }) {
  const finite = values.filter((value) => Number.isFinite(value) && (!log || value > 0))
  const ticks = log ? decades(finite) : steps(finite)
  const place = log ? Math.log10 : (value) => value
  const [low, high] = [place(ticks[0]), place(ticks.at(-1))]
  const at = (value) => {
    const share = (place(Math.max(value, log ? ticks[0] : 0)) - low) / (high - low || 1)
    return from + (to - from) * Math.min(1, Math.max(0, share))
  }
  return { ticks, at }
}

function decades(values) {
  const first = Math.floor(Math.log10(Math.min(...values)) + 1e-9)
  const last = Math.max(first + 1, Math.ceil(Math.log10(Math.max(...values)) - 1e-9))
  return Array.from({ length: last - first + 1 }, (_none, at) => 10 ** (first + at))
}

function steps(values) {
  const most = Math.max(...values, Number.MIN_VALUE)
  const rough = 10 ** Math.floor(Math.log10(most))
  const step = [0.2, 0.5, 1, 2].map((part) => part * rough).find((size) => most / size <= 6)
  return Array.from({ length: Math.ceil(most / step - 1e-9) + 1 }, (_none, at) => at * step)
}

/** Formats a number briefly: `0.05`, `12.5`, `1,500`, `10M`. */
export const short = (value) =>
  Number(value.toPrecision(3)).toLocaleString('en', {
    maximumFractionDigits: 4,
    notation: Math.abs(value) >= 1e6 ? 'compact' : 'standard',
  })
