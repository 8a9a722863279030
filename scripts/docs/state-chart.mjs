// Generates docs/states.svg: the public states and the transitions between them, read from the machine itself. Only the
// positions are set by hand. A transition without a position is an error.

const WORDS = {
  start: 'start',
  stop: 'stop',
  restart: 'restart',
  changed: 'files changed',
  unhealthy: 'unhealthy',
  idle: 'idle',
}

const GUARDED = {
  isMeantToEnd: 'exit, no restart',
  crashesTooOften: 'too many crashes',
  isOutOfAttempts: 'no attempts left',
  isForgiven: 'start, after faultTimeout',
  holdsProcess: 'stop, if it survived',
  mustKeepCurrent: 'old process stays',
  canKeepCurrent: 'old process stays',
}

function wordsFor(event, guard, to) {
  if (GUARDED[guard]) return GUARDED[guard]
  if (WORDS[event]) return WORDS[event]
  if (event === 'exited') return 'crash'
  if (event.includes('.after.killTimeout.') || /^xstate\.error\.actor\.(kill|cleanUp)$/.test(event))
    return 'survives the kill'
  if (event.startsWith('xstate.done.state.')) {
    return { started: 'ready', stopped: 'gone', starting: 'gone, start queued' }[to]
  }
  return undefined
}

const NEEDS_OLD = new Set(['mustKeepCurrent', 'canKeepCurrent', 'mustStopFirst', 'leavesNone'])

/** Returns the names of a guard; a combination such as `and([...])` has several. */
const namesOf = (guard) => (typeof guard === 'string' ? [guard] : (guard?.guards ?? []))

/** Returns the transitions between public states, each with the words for the events that cause it. */
export function edgesOf(machine) {
  const edges = new Map()
  const add = (from, event, { guard, target = [] }) => {
    const to = target[0]?.path[0]
    if (from === undefined || to === undefined || from === to) return
    // These guards need an old process; a first start does not have one.
    if (from === 'starting' && namesOf(guard).some((name) => NEEDS_OLD.has(name))) return
    const words = wordsFor(event, typeof guard === 'string' ? guard : guard?.type, to)
    if (!words) throw new Error(`no words for the transition from ${from} to ${to} by ${event}`)
    const edge = edges.get(`${from}>${to}`) ?? { from, to, words: [] }
    if (!edge.words.includes(words)) edge.words.push(words)
    edges.set(`${from}>${to}`, edge)
  }
  const walk = (node) => {
    for (const [event, transitions] of node.transitions) {
      for (const transition of transitions) add(node.path[0], event, transition)
    }
    for (const inner of Object.values(node.states)) walk(inner)
  }
  walk(machine.root)
  return [...edges.values()]
}

const BOXES = {
  stopped: [110, 80],
  starting: [480, 80],
  started: [850, 80],
  stopping: [110, 350],
  restart: [850, 350],
  faulted: [480, 600],
}

/** Path of each transition, x and y of the first line of its words, and the text anchor. */
const WAYS = {
  'stopped>starting': ['M175 80 L409 80', 290, 54, 'middle'],
  'starting>started': ['M545 80 L779 80', 660, 70, 'middle'],
  'starting>stopping': ['M420 103 L110 321', 232, 220, 'end'],
  'starting>restart': ['M530 103 L800 322', 655, 222, 'end'],
  'starting>faulted': ['M466 103 L466 571', 458, 420, 'end'],
  'started>stopping': ['M800 103 L181 342', 340, 304, 'start'],
  'started>restart': ['M832 103 L832 321', 824, 200, 'end'],
  'started>faulted': ['M915 85 C1010 180 1010 590 551 600', 950, 470, 'middle'],
  'stopping>stopped': ['M84 327 L84 109', 76, 216, 'end'],
  'stopping>starting': ['M150 327 L452 109', 305, 240, 'start'],
  'stopping>faulted': ['M165 373 L440 573', 300, 455, 'start'],
  'restart>started': ['M872 327 L872 109', 880, 216, 'start'],
  'restart>stopping': ['M785 350 L181 350', 640, 344, 'middle'],
  'restart>faulted': ['M800 373 L515 572', 645, 440, 'end'],
  'faulted>starting': ['M494 577 L494 109', 502, 285, 'start'],
  'faulted>stopping': ['M415 590 L113 379', 215, 470, 'end'],
  'faulted>stopped': ['M415 610 C-70 620 -70 180 58 107', 30, 560, 'middle'],
  'faulted>restart': ['M545 585 L835 379', 742, 470, 'start'],
}

const STYLE = `
    .paper { fill: #ffffff }
    .box { fill: #eef3fb; stroke: #34609c; stroke-width: 1.5 }
    .way { fill: none; stroke: #5b6675; stroke-width: 1.3; marker-end: url(#tip) }
    .tip { fill: #5b6675 }
    text { font: 13px ui-sans-serif, system-ui, sans-serif; fill: #1d2733 }
    .state { font-size: 16px; font-weight: 600; text-anchor: middle }
    .words { paint-order: stroke; stroke: #ffffff; stroke-width: 5px; stroke-linejoin: round }
    @media (prefers-color-scheme: dark) {
      .paper { fill: #12171e }
      .box { fill: #1d2a3d; stroke: #7fa8dd }
      .way { stroke: #97a3b3 }
      .tip { fill: #97a3b3 }
      text { fill: #e6ebf1 }
      .words { stroke: #12171e }
    }`

const box = ([state, [x, y]]) =>
  `  <rect class="box" x="${x - 65}" y="${y - 23}" width="130" height="46" rx="9"/>
  <text class="state" x="${x}" y="${y + 5}">${state}</text>`

const LINE = 17

function wordsAt([, x, y, anchor], words) {
  const lines = words.map((word, index) => {
    const comma = index < words.length - 1 ? ',' : ''
    return `<tspan x="${x}" y="${y + index * LINE}">${word}${comma}</tspan>`
  })
  return `  <text class="words" text-anchor="${anchor}">${lines.join('')}</text>`
}

export function stateChart(edges) {
  const unknown = edges.map(({ from, to }) => `${from}>${to}`).filter((way) => !WAYS[way])
  const stale = Object.keys(WAYS).filter((way) => !edges.some(({ from, to }) => way === `${from}>${to}`))
  if (unknown.length + stale.length > 0)
    throw new Error(`the layout in scripts/docs/state-chart.mjs does not fit: ${[...unknown, ...stale]}`)
  const ways = edges.map(({ from, to }) => `  <path class="way" d="${WAYS[`${from}>${to}`][0]}"/>`)
  const words = edges.map(({ from, to, words }) => wordsAt(WAYS[`${from}>${to}`], words))
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="-50 30 1080 620" role="img" aria-labelledby="title">
  <title id="title">The six states of a child and the transitions between them</title>
  <style>${STYLE}
  </style>
  <defs>
    <marker id="tip" viewBox="0 0 10 10" refX="8" refY="5" markerWidth="8" markerHeight="8" orient="auto">
      <path class="tip" d="M0 1 L9 5 L0 9 Z"/>
    </marker>
  </defs>
  <rect class="paper" x="-50" y="30" width="1080" height="620" rx="12"/>
${[...ways, ...Object.entries(BOXES).map(box), ...words].join('\n')}
</svg>
`
}
