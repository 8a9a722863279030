// docs/states.md: the golden table in words, a section for each state.

const HEADINGS = {
  start: '`start`',
  stop: '`stop`',
  restart: '`restart`',
  gone: 'its process is gone',
  changed: 'its files changed',
  unhealthy: 'a check finds it unhealthy',
  idle: 'it is idle',
  deadline: 'its own deadline',
}

const MEANINGS = {
  stopped: 'Nothing of it runs, and it holds no address and no monitor.',
  starting: 'It is being spawned, or waits until it is ready.',
  started: 'It is ready: it accepts on its address, or whatever `ready` asks for has happened.',
  stopping: 'It is being drained and ended.',
  restart: 'It is being ended and started again, from the decision until it is ready or given up.',
  faulted: 'It was given up for now. `info().reason` and `info().lastError` say why.',
}

const INTRO = `<!-- Made by \`npm run docs\` from src/child/machine/machine.ts and test/golden/table.json. Do not edit. -->

# States

A child is in one of six states. \`child.state\` tells which, the event \`state\` tells each change, and
\`child.info().reason\` says why in words.

![The six states and the ways between them](states.svg)

Not drawn: a fault of spinner's own supervision leads from any state to \`faulted\`, and the group is killed.

Three rules hold everywhere:

- "Gone" means that the process group holds no living process. The end of the first process is not enough.
- Nothing is spawned for a name while something of it lives.
- "Joins" means that the caller gets the result of what is under way. However many call, there is one spawn.
`

function section(state, row, edges) {
  const ways = edges.filter((edge) => edge.from === state).map((edge) => `\`${edge.to}\``)
  const lines = Object.entries(HEADINGS).map(([event, heading]) => {
    if (!row[event]) throw new Error(`the golden table has no cell ${state}.${event}`)
    return `| ${heading} | ${row[event].says} |`
  })
  return `## ${state}

${MEANINGS[state]} From here it goes to ${ways.join(', ')}.

| when | the child |
|---|---|
${lines.join('\n')}
`
}

export function statesPage(table, edges) {
  const sections = Object.entries(table).map(([state, row]) => section(state, row, edges))
  return `${INTRO}\n${sections.join('\n')}`
}
