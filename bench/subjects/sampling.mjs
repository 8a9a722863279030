// Measures the cost of sampling the memory of many children at once, and how long a sample blocks the event loop.
import { closeSync, openSync, readSync } from 'node:fs'
import pidusage from 'pidusage'
import { createSpinner } from '../../dist/index.js'
import { MemorySurvey } from '../../dist/linux/memory-survey.js'
import { realSys } from '../../dist/sys.js'
import { interleave } from '../measuring/harness.mjs'
import { median, valuesOf } from '../measuring/statistics.mjs'
import { workOf } from '../measuring/usage.mjs'
import { watchTurns } from '../measuring/watches.mjs'
import { cell } from '../showing/tables.mjs'

const COUNT = 1_000
const OWN = 'spinner: whole process trees'
const COLUMNS = ['method', 'CPU (ms)', 'longest block of the event loop (ms)']
const NOTE =
  'One sample covers all children. spinner looks at every process of the machine, because any process may belong to a child; the other methods get the list of processes in advance. The block is the longest time between two turns of the event loop, in the quietest of five samples. The limit does all its work in one turn.'
const QUIETEST_OF = 5

/**
 * Measures the CPU time of `action`, and then its longest block of the event loop: the minimum of a few samples, because
 * other work on the machine also blocks the loop.
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

/** Reads one file per process: the minimum that any program in this Node must do. */
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
  return children.map((child) => child.checkAccess.process)
}

export async function measure({ rounds }) {
  const title = `Memory of ${COUNT.toLocaleString('en')} children`
  if (process.platform !== 'linux') {
    const why = 'this subject requires Linux'
    return {
      figures: { sampling: why },
      tables: [{ title, columns: ['result'], rows: [[`not measured: ${why}`]] }],
    }
  }
  const spinner = createSpinner({ logger: null, stdout: null, stderr: null })
  const leaders = await startedLeaders(spinner)
  const pids = leaders.map(({ pid }) => pid)
  const survey = new MemorySurvey(realSys)
  const subjects = leaders.map((leader) => ({ leader, tree: true }))
  const methods = [
    { name: 'limit: open, read and close /proc/PID/statm for each', sample: sampleOf(limitOf(pids)) },
    { name: 'pidusage of all, without a search for processes', sample: sampleOf(() => pidusage([...pids])) },
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
