// One host with a growing number of registered and running children: node scale.mjs COMMAND REGISTERED RUNNING, the last
// two as JSON arrays of sizes. Reports each cost at each size.
import { createSpinner } from '../../dist/index.js'
import { answer } from '../measuring/answer.mjs'
import { workOf } from '../measuring/usage.mjs'

const SETTLE_MS = 200
const IDLE_MS = 500
const LOOKS = 11
const CALLS = 2_000

const [command, ...sizes] = process.argv.slice(2)
const [registered, running] = sizes.map((text) => JSON.parse(text))
const spinner = createSpinner({ logger: null, stdout: null, stderr: null, idleTimeSec: -1 })
const names = []
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
const found = { registered: [], running: [] }

async function timed(action) {
  const began = performance.now()
  await action()
  return performance.now() - began
}

/** Starts and stops children in the same turn, so that they sleep and never have a process. */
async function register(count) {
  while (names.length < count) {
    const name = `child-${names.length}`
    const child = spinner.start({ name, command })
    // Ignore the rejection: the start ends with an error because of the stop.
    child.then(null, () => {})
    names.push(name)
    child.stop()
  }
  await spinner.stopAll()
}

async function settle() {
  await pause(SETTLE_MS)
  globalThis.gc()
  await pause(SETTLE_MS / 2)
  globalThis.gc()
}

/** Returns the median time of a few calls, in microseconds. */
function callOf(times, call) {
  const all = []
  for (let look = 0; look < LOOKS; look++) {
    const began = performance.now()
    for (let turn = 0; turn < times; turn++) call(names[(turn * 7) % names.length])
    all.push(((performance.now() - began) * 1_000) / times)
  }
  return all.sort((a, b) => a - b)[Math.floor(LOOKS / 2)]
}

async function idleCpu() {
  const work = workOf(process.pid)
  await pause(IDLE_MS)
  return ((workOf(process.pid) - work) / IDLE_MS) * 100
}

/** Returns the memory of the objects in this process, in kilobytes. Resident memory would include an earlier, larger heap. */
function memory() {
  const { heapUsed, external } = process.memoryUsage()
  return (heapUsed + external) / 1_024
}

const looks = async () => ({
  list: callOf(1, () => spinner.list()),
  get: callOf(CALLS, (name) => spinner.get(name)),
  cpu: await idleCpu(),
})

async function ofRegistered(count, empty) {
  const before = names.length
  const ms = await timed(() => register(count))
  await settle()
  const each = (memory() - empty) / count
  return { count, register: ms / (count - before), memory: each, ...(await looks()) }
}

async function ofRunning(count) {
  const some = names.slice(0, count)
  const before = memory()
  const start = await timed(() => Promise.all(some.map((name) => spinner.start(name))))
  await settle()
  const each = (memory() - before) / count
  const at = await looks()
  const again = callOf(CALLS, () => spinner.start(some[0]))
  const stop = await timed(() => Promise.all(some.map((name) => spinner.stop(name))))
  await settle()
  return { count, start: start / count, memory: each, again, stop: stop / count, ...at }
}

await settle()
const empty = memory()
for (const count of registered) found.registered.push(await ofRegistered(count, empty))
// Start one child first, because the first start also creates everything that the children share.
await ofRunning(1)
for (const count of running) found.running.push(await ofRunning(count))
await spinner.close()
answer({}, { began: found })
