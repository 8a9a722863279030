// One host with many children, in a separate process, because memory can only be measured in a new process.
// node many.mjs METHOD COUNT COMMAND reports the figures.
import path from 'node:path'
import v8 from 'node:v8'
import { answer } from '../measuring/answer.mjs'
import { newFolder } from '../measuring/living.mjs'
import { descriptorsOf, memoryOf, workOf } from '../measuring/usage.mjs'
import { watchLoop, watchSpawns, watchTimers } from '../measuring/watches.mjs'

const WARM_UP = 20
const SETTLE_MS = 250
const IDLE_MS = 500

const [method, count, command] = [process.argv[2], Number(process.argv[3]), process.argv[4]]
const program = { command, args: [] }
const folder = newFolder()
const addressOf = (name) => path.join(folder, name)

async function bare() {
  const { bareSpawn, whenTold } = await import('../measuring/bare.mjs')
  let living = []
  return {
    async startAll(names) {
      living = names.map((name) => bareSpawn(program, addressOf(name), true))
      await Promise.all(living.map(whenTold))
    },
    async stopAll() {
      const gone = living.map((child) => new Promise((resolve) => child.once('close', resolve)))
      for (const child of living) child.kill('SIGTERM')
      await Promise.all(gone)
      living = []
    },
  }
}

async function spun() {
  const { createSpinner } = await import('../../dist/index.js')
  const spinner = createSpinner({ logger: null, stdout: null, stderr: null })
  return {
    startAll: (names) => Promise.all(names.map((name) => spinner.start({ name, command }))),
    stopAll: () => spinner.stopAll(),
    close: () => spinner.close(),
  }
}

const OWN = { bare, spinner: spun }

async function openHost() {
  if (OWN[method]) return OWN[method]()
  const { open } = await import(`../peers/${method}.mjs`)
  return open({})
}

const namesOf = (prefix, length) => Array.from({ length }, (_none, index) => `${prefix}-${index}`)

async function settle(pid, pause) {
  await pause(SETTLE_MS)
  globalThis.gc()
  await pause(SETTLE_MS / 2)
  globalThis.gc()
  const young = v8.getHeapSpaceStatistics().find((space) => space.space_name === 'new_space')
  return {
    memory: memoryOf(pid),
    descriptors: descriptorsOf(pid),
    heap: process.memoryUsage().heapUsed / 1_024,
    young: young.physical_space_size / 1_024,
  }
}

async function idle(pid, counts, pause) {
  const [fired, work] = [counts.fired, workOf(pid)]
  await pause(IDLE_MS)
  return { cpu: ((workOf(pid) - work) / IDLE_MS) * 100, fired: counts.fired - fired }
}

const { counts, pause } = watchTimers()
const turns = watchSpawns()
const timed = watchLoop(pause)
const host = await openHost()
const pid = host.supervisor?.() ?? process.pid

async function life(names) {
  const before = await settle(pid, pause)
  const armed = counts.armed.size
  turns.most = 0
  const start = await timed(() => host.startAll(names, program, addressOf))
  const after = await settle(pid, pause)
  const quiet = await idle(pid, counts, pause)
  const timers = counts.armed.size - armed
  const stop = await timed(() => host.stopAll(names))
  const each = (key) => (after[key] - before[key]) / count
  return {
    ...{ start: start.ms, stop: stop.ms, startBlock: start.block, stopBlock: stop.block },
    ...{ rss: each('memory'), descriptors: each('descriptors'), heap: each('heap'), young: each('young') },
    ...{ cpu: quiet.cpu, fired: quiet.fired, timers, spawnsPerTurn: turns.most },
  }
}

const warm = namesOf('warm', WARM_UP)
await host.startAll(warm, program, addressOf)
await host.stopAll(warm)
const found = await life(namesOf('child', count))
await host.close?.()
answer({}, { began: found })
