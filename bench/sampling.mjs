// What it costs to sample the memory of many children at once, and how long that holds the loop.
import { closeSync, openSync, readSync } from 'node:fs'
import { performance } from 'node:perf_hooks'
import pidusage from 'pidusage'
import { createSpinner } from 'spinner'
import { Survey } from '../dist/checks/survey.js'
import { realSys } from '../dist/sys.js'
import { interleave, number, summary, verdict } from './harness.mjs'

const COUNT = 1_000
const COLUMNS = ['method', 'CPU (ms)', 'target', '', 'longest hold of the loop (ms)', 'target', '']
const MOST_CPU_MS = 40
const MOST_HOLD_MS = 5
const QUIETEST_OF = 5

/** The CPU time of this process, threads included, in milliseconds. */
const worked = () => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1_000
}

/** Between any two turns there is at most so much time, as far as this loop itself can tell. */
function watchTurns() {
  let [longest, last, ended] = [0, performance.now(), false]
  const look = () => {
    const now = performance.now()
    longest = Math.max(longest, now - last)
    last = now
    if (!ended) setImmediate(look)
  }
  setImmediate(look)
  return async () => {
    await new Promise((resolve) => setImmediate(resolve))
    ended = true
    return longest
  }
}

/**
 * Its CPU time, and then how long it holds a loop beside it: the quietest of a few, since a machine that is busy with
 * something else holds any loop.
 */
function sampleOf(action) {
  return async () => {
    const before = worked()
    await action()
    const cpu = worked() - before
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
  const title = `Memory of ${COUNT} children`
  if (process.platform !== 'linux') {
    return [{ title, columns: COLUMNS, rows: [['all', 'not measured: this is for Linux']] }]
  }
  const spinner = createSpinner({ logger: null, stdout: null, stderr: null })
  const leaders = await startedLeaders(spinner)
  const pids = leaders.map(({ pid }) => pid)
  const survey = new Survey(realSys)
  const subjects = leaders.map((leader) => ({ leader, tree: true }))
  const methods = [
    { name: 'limit: open, read and close /proc/PID/statm of each', sample: sampleOf(limitOf(pids)) },
    { name: 'pidusage of all, without looking for processes', sample: sampleOf(() => pidusage([...pids])) },
    { name: 'spinner: whole trees', sample: sampleOf(() => survey.take(subjects)), isOurs: true },
  ]
  await interleave('sampling: warming up', methods, 2)
  const results = await interleave('sampling', methods, rounds)
  await spinner.close()
  const note =
    'One sample of all children. spinner looks at every process of the machine, since what belongs to a child may be anywhere; the others know the processes beforehand. A hold is the longest time between two turns of a loop beside it, in the quietest of five samples; the limit does all in one turn.'
  return [{ title, note, columns: COLUMNS, rows: methods.map((method) => rowOf(method, results)) }]
}

function rowOf({ name, isOurs }, results) {
  const { samples, error } = results.get(name)
  if (error !== null) return [name, `failed: ${error}`]
  const spreads = ['cpu', 'hold'].map((key) => summary(samples.map((sample) => sample[key])))
  const [cpu, hold] = spreads.map(({ q1, median, q3 }) => `${number(median)} [${number(q1)}..${number(q3)}]`)
  if (!isOurs) return [name, cpu, '', '', hold]
  const [{ median: work }, { median: held }] = spreads
  return [
    name,
    cpu,
    `<= ${MOST_CPU_MS}`,
    verdict(work, MOST_CPU_MS),
    hold,
    `<= ${MOST_HOLD_MS}`,
    verdict(held, MOST_HOLD_MS),
  ]
}
