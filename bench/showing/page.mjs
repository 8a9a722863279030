// Generates docs/benchmarks.md and its charts.
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { TARGETS } from '../targets.mjs'
import { draw } from './charts.mjs'
import { summaryOf } from './summary.mjs'
import { render } from './tables.mjs'

const head = ({ date, node, machine, compiler, nginx, peers }, rounds) => `# Benchmarks

\`npm run bench\` generates this page; do not edit it.

- Date: ${date}
- Machine: ${machine}
- Node: ${node}, C compiler: ${compiler}, ${nginx}
- Compared with: ${peers.join(', ')}
- Rounds: at least ${rounds} for each method that has a target; the note of a table states where other methods have fewer

## How to read this

Each table compares the library with **the limit**: the minimum that any program in this Node must spend. For starts, the limit is a plain
\`child_process.spawn\` whose child writes one byte to a pipe as soon as it listens. The limit checks nothing and remembers nothing.
The tables also show other programs that do part of the same work, each in its fastest configuration.

In each round, the methods run in a new random order, so that a busy moment of the machine affects all of them. A time
is the median of all rounds, with the two quartiles in brackets. **Read the ratio, not the time**: each round gives one ratio, and
the table shows the median of these ratios. A ratio between 0.9 and 1.1 is noise. If a method fails or is not installed, the table
shows the reason.
`

/** Renders the page. `results` has one `{ figures, tables, charts }` per subject, in the order of the page. */
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
