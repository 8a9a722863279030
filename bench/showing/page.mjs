// docs/benchmarks.md and its charts.
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { TARGETS } from '../targets.mjs'
import { draw } from './charts.mjs'
import { summaryOf } from './summary.mjs'
import { render } from './tables.mjs'

const head = ({ date, node, machine, compiler, nginx, peers }, rounds) => `# Benchmarks

This page is written by \`npm run bench\`; do not edit it.

- Date: ${date}
- Machine: ${machine}
- Node: ${node}, C compiler: ${compiler}, ${nginx}
- Beside it: ${peers.join(', ')}
- Rounds: at least ${rounds} for each method that has a target; a table says where others have fewer

## How to read this

Each table puts the library beside **the limit**: the least that any program in this Node must spend. That is a plain
\`child_process.spawn\` whose child writes one byte to a pipe as soon as it listens. The limit checks nothing and remembers nothing.
Programs of others that do part of the same work stand beside them, each in the setting that suits it best.

The methods take turns in a random order, round after round, so that a busy moment of the machine hits all of them. A time
is the median of all rounds, with the two quartiles in brackets. **Read the ratio, not the time**: it is taken within each round, and
it is the median of those. A ratio between 0.9 and 1.1 is inside the noise. A method that fails or is not installed is shown with
the reason.
`

/** `results` are those of the subjects: `{ figures, tables, charts }`, in the order of the page. */
export function pageOf(results, about, rounds) {
  const figures = Object.assign({}, ...results.map((result) => result.figures))
  const targets = render({ title: 'Targets', ...summaryOf(TARGETS, figures) })
  const parts = results.flatMap(({ tables, charts }) => [
    ...tables.map(render),
    ...charts.map(({ file, title }) => `![${title}](charts/${file})\n`),
  ])
  return [head(about, rounds), targets, ...parts].join('\n')
}

export function writePage(folder, page, results) {
  mkdirSync(path.join(folder, 'charts'), { recursive: true })
  writeFileSync(path.join(folder, 'benchmarks.md'), page)
  for (const { file, ...chart } of results.flatMap(({ charts }) => charts))
    writeFileSync(path.join(folder, 'charts', file), draw(chart))
}
