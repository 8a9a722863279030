// One host with many children, in a process of its own: `many.mjs` starts one for each sample, since memory can
// only be measured in a fresh process. Says what it found over IPC.
import { createRequire, syncBuiltinESMExports } from 'node:module'
import path from 'node:path'
import { monitorEventLoopDelay, performance } from 'node:perf_hooks'
import v8 from 'node:v8'
import { newFolder } from './harness.mjs'

const WARM_UP = 20
const SETTLE_MS = 300
const IDLE_MS = 1_000

const require = createRequire(import.meta.url)
const [method, count, command] = [process.argv[2], Number(process.argv[3]), process.argv[4]]

/** Timers that are armed, and how often one has fired. Installed before anything else is loaded. */
function watchTimers() {
  const armed = new Set()
  const counts = { armed, fired: 0 }
  const { setTimeout: set, clearTimeout: clear, setInterval: repeat, clearInterval: end } = globalThis
  globalThis.setTimeout = (action, ...rest) => {
    const timer = set(
      (...values) => {
        armed.delete(timer)
        counts.fired++
        action(...values)
      },
      ...rest,
    )
    armed.add(timer)
    return timer
  }
  globalThis.setInterval = (action, ...rest) => {
    const timer = repeat(
      (...values) => {
        counts.fired++
        action(...values)
      },
      ...rest,
    )
    armed.add(timer)
    return timer
  }
  globalThis.clearTimeout = (timer) => {
    armed.delete(timer)
    clear(timer)
  }
  globalThis.clearInterval = (timer) => {
    armed.delete(timer)
    end(timer)
  }
  return { counts, pause: (ms) => new Promise((resolve) => set(resolve, ms)) }
}

/** The largest number of spawns in one turn of the loop. */
function watchSpawns() {
  const childProcess = require('node:child_process')
  const { spawn } = childProcess
  const turns = { most: 0 }
  let [turn, inTurn] = [-1, 0]
  childProcess.spawn = (...args) => {
    const now = performance.nodeTiming.uvMetricsInfo.loopCount
    inTurn = now === turn ? inTurn + 1 : 1
    turn = now
    turns.most = Math.max(turns.most, inTurn)
    return spawn(...args)
  }
  syncBuiltinESMExports()
  return turns
}

async function bareHost() {
  const { bareSpawn, whenTold } = await import('./bare.mjs')
  const folder = newFolder()
  let living = []
  return {
    async start(names) {
      living = names.map((name) => bareSpawn({ command, args: [] }, path.join(folder, name), true))
      await Promise.all(living.map(whenTold))
    },
    async stop() {
      const gone = living.map((child) => new Promise((resolve) => child.once('close', resolve)))
      for (const child of living) child.kill('SIGTERM')
      await Promise.all(gone)
      living = []
    },
    close() {},
  }
}

async function spinnerHost() {
  const { createSpinner } = await import('spinner')
  const spinner = createSpinner({ logger: null, stdout: null, stderr: null })
  return {
    start: (names) => Promise.all(names.map((name) => spinner.start({ name, command }))),
    stop: () => spinner.stopAll(),
    close: () => spinner.close(),
  }
}

const namesOf = (prefix, length) => Array.from({ length }, (_none, index) => `${prefix}-${index}`)

async function timed(delays, action) {
  delays.reset()
  // The first interval after a reset is not counted.
  await pause(10)
  const began = performance.now()
  await action()
  const ms = performance.now() - began
  // The monitor notes a block only when its own timer fires after it.
  await pause(10)
  return { ms, block: delays.max / 1e6 }
}

async function settle(pause) {
  await pause(SETTLE_MS)
  globalThis.gc()
  await pause(SETTLE_MS / 3)
  globalThis.gc()
  const { rss, heapUsed } = process.memoryUsage()
  const young = v8.getHeapSpaceStatistics().find((space) => space.space_name === 'new_space')
  return { rss, heapUsed, young: young.physical_space_size }
}

// Without the one who asked nobody would end this process, nor its children.
process.once('disconnect', () => process.exit())
const { counts, pause } = watchTimers()
const turns = watchSpawns()
const host = await (method === 'bare' ? bareHost() : spinnerHost())
await host.start(namesOf('warm', WARM_UP))
await host.stop()
const before = await settle(pause)
const timersBefore = counts.armed.size
const delays = monitorEventLoopDelay({ resolution: 1 })
delays.enable()
await pause(50)
turns.most = 0
const start = await timed(delays, () => host.start(namesOf('child', count)))
const after = await settle(pause)
const firedBefore = counts.fired
await pause(IDLE_MS)
const idle = { timers: counts.armed.size - timersBefore, fired: counts.fired - firedBefore }
const stop = await timed(delays, () => host.stop())
await host.close()
process.send({
  start: start.ms,
  stop: stop.ms,
  startBlock: start.block,
  stopBlock: stop.block,
  spawnsPerTurn: turns.most,
  rss: (after.rss - before.rss) / 1024 / count,
  young: (after.young - before.young) / 1024 / count,
  heap: (after.heapUsed - before.heapUsed) / 1024 / count,
  timers: idle.timers,
  fired: idle.fired,
})
process.disconnect()
