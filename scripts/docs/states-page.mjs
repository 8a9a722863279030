// Generates docs/states.md from the golden table, one section per state.

const HEADINGS = {
  start: '`start`',
  stop: '`stop`',
  restart: '`restart`',
  gone: 'the process is gone',
  changed: 'a monitored file changes',
  unhealthy: 'a check reports it unhealthy',
  idle: 'the child is idle',
  deadline: 'the deadline of the state',
}

const MEANINGS = {
  stopped: 'The child has no process, no address and no monitor.',
  starting: 'The child is being spawned, or spinner waits until it is ready.',
  started: 'The child is ready: it accepts connections on its address, or the condition in `ready` is met.',
  stopping: 'The child is being drained and ended.',
  restart:
    'The child is being ended and started again. This state lasts from the decision until the child is ready or faulted.',
  faulted:
    'spinner has given up on the child for now. `info().reason` and `info().lastError` contain the cause.',
}

const INTRO = `<!-- Made by \`npm run docs\` from src/child/machine/machine.ts and test/golden/table.json. Do not edit. -->

# States

A child is in one of six states. \`child.state\` is the current state, the event \`state\` fires at each change, and
\`child.info().reason\` describes the reason in words.

![The six states and the transitions between them](states.svg)

Not drawn: if spinner's own supervision fails, a child goes from any state to \`faulted\`, and its group is killed.

Three rules hold in every state:

- "Gone" means that the process group has no living process. The end of the first process is not enough.
- spinner spawns no process for a child while an earlier process of it is alive. The exception is a restart with \`start-first\`.
- "Joins" means that the call returns the result of the operation that is already in progress. There is one spawn, however many calls join.
`

function section(state, row, edges) {
  const ways = edges.filter((edge) => edge.from === state).map((edge) => `\`${edge.to}\``)
  const lines = Object.entries(HEADINGS).map(([event, heading]) => {
    if (!row[event]) throw new Error(`the golden table has no cell ${state}.${event}`)
    return `| ${heading} | ${row[event].says} |`
  })
  return `## ${state}

${MEANINGS[state]} Next states: ${ways.join(', ')}.

| event | result |
|---|---|
${lines.join('\n')}
`
}

export function statesPage(table, edges) {
  const sections = Object.entries(table).map(([state, row]) => section(state, row, edges))
  return `${INTRO}\n${sections.join('\n')}`
}
