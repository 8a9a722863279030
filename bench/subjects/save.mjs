// Measures the time from an editor's atomic save (a new file renamed over the old one) to the decision to restart.
import { watch } from 'node:fs'
import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { createSpinner } from '../../dist/index.js'
import { interleave } from '../measuring/harness.mjs'
import { newHost } from '../measuring/host.mjs'
import { newFile, save } from '../measuring/saves.mjs'
import { missing } from '../peers/list.mjs'
import { cell, ratioCell } from '../showing/tables.mjs'

const LIMIT = 'fs.watch of the directory alone'
const COLUMNS = ['method', 'ms, median [quartiles]', 'ratio to limit']
const NOTE =
  'The benchmark renames a new file over the old one, as editors do, and measures the time until the program decides to restart. The debounce waits until a burst of saves is over. By design it is the larger part of its row. nodemon has no debounce by default, and spinner 0.3.4 has none at all. Only the first save is measured, because spinner 0.3.4 does not detect later ones.'
/** Milliseconds before the save, because watchers do not report that they are ready. */
const SETTLE_MS = 250

async function bare() {
  const file = newFile()
  let told = () => {}
  const watcher = watch(path.dirname(file), (_event, name) => name === path.basename(file) && told())
  await pause(SETTLE_MS)
  const changed = new Promise((resolve) => {
    told = () => resolve(performance.now())
  })
  const began = save(file)
  const latency = (await changed) - began
  watcher.close()
  return { latency }
}

/** Starts a new child for each sample, because spinner deliberately delays the restart for saves in quick succession. */
function watched(spinner, debounce) {
  return async () => {
    const file = newFile()
    const child = spinner.start({
      name: file,
      command: process.execPath,
      args: ['-e', 'setInterval(() => {}, 1e6)'],
      listen: null,
      monitor: debounce === undefined ? file : { paths: file, debounce },
    })
    await child
    await pause(SETTLE_MS)
    const decided = new Promise((resolve) => {
      child.on('state', (to) => to === 'restart' && resolve(performance.now()))
    })
    const began = save(file)
    const latency = (await decided) - began
    await child.stop()
    return { latency }
  }
}

const PEERS = [
  { name: 'nodemon', kind: 'nodemon', packages: ['nodemon'] },
  { name: 'spinner 0.3.4', kind: 'old-spinner', packages: ['spinner-0.3'] },
]

/** Starts a process per sample, because nodemon can watch only once per process. */
function peer({ name, kind, packages }) {
  const why = missing(...packages)
  const sample = async () => {
    if (why) throw new Error(why)
    const host = await newHost('hosts/save.mjs', [kind, SETTLE_MS])
    host.end()
    return host.began
  }
  return { name, sample }
}

export async function measure({ rounds }) {
  const spinner = createSpinner({ logger: null, stdout: null, stderr: null })
  const methods = [
    { name: LIMIT, sample: bare },
    { name: 'spinner, debounce 0', sample: watched(spinner, 0) },
    { name: 'spinner, default debounce (0.1 s)', sample: watched(spinner) },
    ...PEERS.map(peer),
  ]
  const results = await interleave('save', methods, rounds)
  await spinner.close()
  const limit = results.get(LIMIT)
  const rows = methods.map(({ name }) => {
    const result = results.get(name)
    return [name, cell(result, 'latency'), ratioCell(result, limit, 'latency')]
  })
  return { tables: [{ title: 'Save to restart', note: NOTE, columns: COLUMNS, rows }] }
}
