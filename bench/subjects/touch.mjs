// Measures a touch of a started child, and a start of a child that is already started.
import { createSpinner } from '../../dist/index.js'
import { interleave } from '../measuring/harness.mjs'
import { median, valuesOf } from '../measuring/statistics.mjs'
import { openPeer } from '../peers/list.mjs'
import { cell } from '../showing/tables.mjs'

const COLUMNS = ['operation', 'ns, median [quartiles]']
const NOTE = 'Each call runs in a loop, on a started child that does nothing.'
const NAME = 'sleeper'
const OLD = 'spinner 0.3.4: start(options), awaited'

/** Measures one call in nanoseconds. Each call has its own loop, because V8 could not predict the callee in a shared loop. */
function measured(count, statement, isAwaited) {
  const text = `for (let turn = 0; turn < count; turn++) ${statement}`
  const loop = new Function('count', 'call', isAwaited ? `return (async () => { ${text} })()` : text)
  return (call) => async () => {
    const began = performance.now()
    await loop(count, call)
    return { ns: ((performance.now() - began) * 1e6) / count }
  }
}

const synchronous = (count, call) => measured(count, 'call()', false)(call)
const awaited = (count, call) => measured(count, 'await call()', true)(call)

/** Returns the calls of spinner, and their lower limits. */
function ownMethods(spinner, child) {
  const record = { used: false }
  const map = new Map([[NAME, record]])
  const cached = Promise.resolve(null)
  const use = () => {
    map.get(NAME).used = true
  }
  const useLater = () => {
    use()
    return cached
  }
  return [
    { name: 'limit: Map lookup and a flag', sample: synchronous(5e6, use) },
    { name: 'limit: the same, plus an await of a settled promise', sample: awaited(5e5, useLater) },
    { name: 'child.touch()', key: 'touch', sample: synchronous(5e6, () => child.touch()) },
    { name: 'spinner.touch(name)', sample: synchronous(5e6, () => spinner.touch(NAME)) },
    {
      name: 'spinner.start(name), not awaited',
      key: 'start by name',
      sample: synchronous(1e6, () => spinner.start(NAME)),
    },
    {
      name: 'await spinner.start(name)',
      key: 'start by name, awaited',
      sample: awaited(5e5, () => spinner.start(NAME)),
    },
    { name: 'await child', sample: awaited(5e5, () => child) },
    { name: 'spinner.start({ name }), awaited', sample: awaited(1e5, () => spinner.start({ name: NAME })) },
    {
      name: 'acquire and release a lease',
      sample: awaited(1e5, async () => (await child.acquire()).release()),
    },
  ]
}

export async function measure({ rounds }) {
  const spinner = createSpinner({ logger: null, stdout: null, stderr: null })
  const args = ['-e', 'setInterval(() => {}, 1e6)']
  const child = spinner.start({ name: NAME, command: process.execPath, args, listen: null })
  await child
  const old = await openPeer(['spinner-0.3'], 'hosts/touch.mjs')
  const methods = [...ownMethods(spinner, child), { name: OLD, sample: () => old.ask('startAgain') }]
  await interleave('touch: warming up', methods, 2)
  const results = await interleave('touch', methods, rounds)
  old.end()
  await spinner.close()
  const figureOf = ({ samples, error }) => error ?? median(valuesOf(samples, 'ns'))
  const aimed = methods.filter(({ key }) => key)
  return {
    figures: Object.fromEntries(aimed.map(({ key, name }) => [key, figureOf(results.get(name))])),
    tables: [
      {
        title: 'Use of a started child',
        note: NOTE,
        columns: COLUMNS,
        rows: methods.map(({ name }) => [name, cell(results.get(name), 'ns')]),
      },
    ],
  }
}
