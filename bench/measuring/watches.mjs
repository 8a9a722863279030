// What goes on in this process unseen: timers, spawns, turns of the loop that take long. To be set up before anything
// else is loaded.
import { createRequire, syncBuiltinESMExports } from 'node:module'
import { monitorEventLoopDelay, performance } from 'node:perf_hooks'

const require = createRequire(import.meta.url)

/** Timers that are armed, and how often one has fired; `pause` is a timer that does not count. */
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

/** The largest number of spawns in one turn of the loop. */
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

/** Times an action, and the longest time for which the loop stood still meanwhile, in milliseconds. */
export function watchLoop(pause) {
  const delays = monitorEventLoopDelay({ resolution: 1 })
  delays.enable()
  return async (action) => {
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
}

/** The longest time between two turns of the loop from now on; the returned function ends the watch and tells it. */
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
