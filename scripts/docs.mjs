// Generates docs/states.md, docs/states.svg, docs/options.md and spinner.schema.json from the code.
// With --check, writes nothing and fails if one of them is out of date. Requires dist/.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { editorSchema } from './docs/editor-schema.mjs'
import { optionsPage } from './docs/options-page.mjs'
import { edgesOf, stateChart } from './docs/state-chart.mjs'
import { statesPage } from './docs/states-page.mjs'

const root = path.join(import.meta.dirname, '..')
const at = (file) => path.join(root, file)
if (!existsSync(at('dist/child/machine/machine.js'))) {
  console.error('docs: dist/ is missing; run `npm run build` first')
  process.exit(1)
}

const { childMachine } = await import('../dist/child/machine/machine.js')
const { CHILD_OPTIONS, OWN_OPTIONS } = await import('../dist/options/table.js')
const schema = await import('../dist/cli/config/schema.js')
const options = readFileSync(at('src/types/options.ts'), 'utf8')
const ofGateway = readFileSync(at('src/gateway/options.ts'), 'utf8')
const table = JSON.parse(readFileSync(at('test/golden/table.json'), 'utf8'))
const edges = edgesOf(childMachine)

const pages = {
  'states.md': statesPage(table, edges),
  'states.svg': stateChart(edges),
  'options.md': optionsPage(CHILD_OPTIONS, OWN_OPTIONS, options),
  // Outside docs/, where editors find it in an installed package.
  '../spinner.schema.json': editorSchema(schema, options, ofGateway),
}

const into = process.argv.indexOf('--into')
const folder = into < 0 ? at('docs') : path.resolve(process.argv[into + 1])
const checks = process.argv.includes('--check')
for (const [page, text] of Object.entries(pages)) {
  const name = path.posix.join('docs', page)
  const file = page.startsWith('../') ? at(name) : path.join(folder, page)
  const before = existsSync(file) ? readFileSync(file, 'utf8') : null
  if (before === text) continue
  if (checks) {
    console.error(`docs: ${name} is out of date; run \`npm run docs\``)
    process.exitCode = 1
  } else {
    writeFileSync(file, text)
    console.log(`docs: ${name} was written`)
  }
}
