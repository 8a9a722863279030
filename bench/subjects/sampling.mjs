// What it costs to sample the memory of many children at once, and how long that holds the loop.
import { closeSync, openSync, readSync } from 'node:fs'
import pidusage from 'pidusage'
import { createSpinner } from '../../dist/index.js'
import { Survey } from '../../dist/linux/memory-survey.js'
import { realSys } from '../../dist/sys.js'
import { interleave } from '../measuring/harness.mjs'
import { median, valuesOf } from '../measuring/statistics.mjs'
import { workOf } from '../measuring/usage.mjs'
import { watchTurns } from '../measuring/watches.mjs'
import { cell } from '../showing/tables.mjs'

const COUNT = 1_000
const OWN = 'spinner: whole trees'
const COLUMNS = ['method', 'CPU (ms)', 'longest hold of the loop (ms)']
const NOTE =
  'One sample of all children. spinner looks at every process of the machine, since what belongs to a child may be anywhere; the others know the processes beforehand. A hold is the longest time between two turns of a loop beside it, in the quietest of five samples; the limit does all in one turn.'
const QUIETEST_OF = 5

/**
 * Its CPU time, and then how long it holds a loop beside it: the quietest of a few, since a machine that is busy with
 * something else holds any loop.
 */
function sampleOf(action) {
  return async () => {
    const before = workOf(process.pid)
    await action()
    const cpu = workOf(process.pid) - before
    const holds = []
    for (let time = 0; time < QUIETEST_OF; time++) {
      const end = watchTurns()
      await action()
      holds.push(await end())
    }
    return { cpu, hold: Math.min(...holds) }
  }
}

/** The least that any program in this Node must do: one number of each process, from a file of its own. */
function limitOf(pids) {
  const buffer = Buffer.alloc(1_024)
  return async () => {
    for (const pid of pids) {
      const descriptor = openSync(`/proc/${pid}/statm`, 'r')
      readSync(descriptor, buffer, 0, 1_024, 0)
      closeSync(descriptor)
    }
  }
}

async function startedLeaders(spinner) {
  const names = Array.from({ length: COUNT }, (_none, index) => `child-${index}`)
  const children = names.map((name) => spinner.start({ name, command: 'sleep', args: ['600'], listen: null }))
  await Promise.all(children)
  return children.map((child) => child.inside.resources.process)
}

export async function measure({ rounds }) {
  const title = `Memory of ${COUNT.toLocaleString('en')} children`
  if (process.platform !== 'linux') {
    const why = 'this is for Linux'
    return {
      figures: { sampling: why },
      tables: [{ title, columns: ['result'], rows: [[`not measured: ${why}`]] }],
    }
  }
  const spinner = createSpinner({ logger: null, stdout: null, stderr: null })
  const leaders = await startedLeaders(spinner)
  const pids = leaders.map(({ pid }) => pid)
  const survey = new Survey(realSys)
  const subjects = leaders.map((leader) => ({ leader, tree: true }))
  const methods = [
    { name: 'limit: open, read and close /proc/PID/statm of each', sample: sampleOf(limitOf(pids)) },
    { name: 'pidusage of all, without looking for processes', sample: sampleOf(() => pidusage([...pids])) },
    { name: OWN, sample: sampleOf(() => survey.take(subjects)) },
  ]
  await interleave('sampling: warming up', methods, 2)
  const results = await interleave('sampling', methods, rounds)
  await spinner.close()
  const { samples, error } = results.get(OWN)
  const rows = methods.map(({ name }) => {
    const result = results.get(name)
    return [name, cell(result, 'cpu'), result.error === null ? cell(result, 'hold') : '']
  })
  return {
    figures: { sampling: error ?? median(valuesOf(samples, 'hold')) },
    tables: [{ title, note: NOTE, columns: COLUMNS, rows }],
  }
}
