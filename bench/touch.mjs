// What it costs to say that a started child was used, and to ask for one that is started already.
import { createSpinner } from 'spinner'
import { interleave, number, summary, verdict } from './harness.mjs'

const COLUMNS = ['operation', 'ns, median [quartiles]', 'target', '']
const NAME = 'sleeper'

/** Nanoseconds for one call; loops that await are written out, so that only what is measured is in them. */
function nanoseconds(began, count) {
  return { ns: ((performance.now() - began) * 1e6) / count }
}

function synchronous(count, call) {
  return async () => {
    const began = performance.now()
    for (let turn = 0; turn < count; turn++) call()
    return nanoseconds(began, count)
  }
}

function awaited(count, call) {
  return async () => {
    const began = performance.now()
    for (let turn = 0; turn < count; turn++) await call()
    return nanoseconds(began, count)
  }
}

export async function measure({ rounds }) {
  const spinner = createSpinner({ logger: null, stdout: null, stderr: null })
  const child = spinner.start({
    name: NAME,
    command: process.execPath,
    args: ['-e', 'setInterval(() => {}, 1e6)'],
    listen: null,
  })
  await child
  const record = { used: false }
  const map = new Map([[NAME, record]])
  const cached = Promise.resolve(null)
  const methods = [
    {
      name: 'limit: Map lookup and a flag',
      sample: synchronous(5e6, () => {
        map.get(NAME).used = true
      }),
    },
    {
      name: 'limit: await of a settled promise',
      sample: awaited(5e5, () => {
        map.get(NAME).used = true
        return cached
      }),
    },
    { name: 'child.touch()', sample: synchronous(5e6, () => child.touch()), target: 10 },
    { name: 'spinner.touch(name)', sample: synchronous(5e6, () => spinner.touch(NAME)) },
    { name: 'spinner.start(name), not awaited', sample: synchronous(1e6, () => spinner.start(NAME)) },
    { name: 'await spinner.start(name)', sample: awaited(5e5, () => spinner.start(NAME)), target: 200 },
    { name: 'await child', sample: awaited(5e5, () => child) },
    { name: 'spinner.start({ name }), awaited', sample: awaited(1e5, () => spinner.start({ name: NAME })) },
    {
      name: 'acquire and release a lease',
      sample: awaited(1e5, async () => (await child.acquire()).release()),
    },
  ]
  await interleave('touch: warming up', methods, 2)
  const results = await interleave('touch', methods, rounds)
  await spinner.close()
  return [
    {
      title: 'Use of a started child',
      columns: COLUMNS,
      rows: methods.map((method) => rowOf(method, results)),
    },
  ]
}

function rowOf({ name, target }, results) {
  const { samples, error } = results.get(name)
  if (error !== null) return [name, `failed: ${error}`, '', 'not reached']
  const { q1, median, q3 } = summary(samples.map(({ ns }) => ns))
  const spread = `${number(median)} [${number(q1)}..${number(q3)}]`
  return target ? [name, spread, `<= ${target}`, verdict(median, target)] : [name, spread, '', '']
}
