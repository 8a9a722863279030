// Observes this process: timers, spawns, and long turns of the event loop. Call these functions before any other module
// is loaded.
import { createRequire, syncBuiltinESMExports } from 'node:module'
import { monitorEventLoopDelay, performance } from 'node:perf_hooks'

const require = createRequire(import.meta.url)

/** Counts active timers and fired timers. `pause` uses a timer that is not counted. */
export function watchTimers() {
  const { setTimeout: set, clearTimeout, setInterval, clearInterval } = globalThis
  const counts = { armed: new Set(), fired: 0 }
  const counting =
    (make, isOnce) =>
    (action, ...rest) => {
      const noted = (...values) => {
        counts.fired++
        if (isOnce) counts.armed.delete(timer)
        action(...values)
      }
      const timer = make(noted, ...rest)
      counts.armed.add(timer)
      return timer
    }
  const forgetting = (clear) => (timer) => {
    counts.armed.delete(timer)
    clear(timer)
  }
  globalThis.setTimeout = counting(set, true)
  globalThis.setInterval = counting(setInterval, false)
  globalThis.clearTimeout = forgetting(clearTimeout)
  globalThis.clearInterval = forgetting(clearInterval)
  return { counts, pause: (ms) => new Promise((resolve) => set(resolve, ms)) }
}

/** Records the largest number of spawns in one turn of the event loop. */
export function watchSpawns() {
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

/** Measures the duration of an action, and the longest block of the event loop during it, in milliseconds. */
export function watchLoop(pause) {
  const delays = monitorEventLoopDelay({ resolution: 1 })
  delays.enable()
  return async (action) => {
    delays.reset()
    // Wait, because the first interval after a reset is not counted.
    await pause(10)
    const began = performance.now()
    await action()
    const ms = performance.now() - began
    // Wait, because the monitor records a block only when its own timer fires afterwards.
    await pause(10)
    return { ms, block: delays.max / 1e6 }
  }
}

/** Measures the longest time between two turns of the event loop. The returned function ends the watch and returns the time. */
export function watchTurns() {
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
