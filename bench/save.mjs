// From an editor's atomic save (a new file renamed over the old one) to the decision to restart.
import { renameSync, watch, writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { createSpinner } from 'spinner'
import { interleave, newFolder, rowsOf } from './harness.mjs'

const COLUMNS = ['what', 'method', 'ms, median [quartiles]', 'to the limit', 'target', '']
/** Watchers say nowhere that they are ready, so each gets so long before the save. */
const SETTLE_MS = 250

let saves = 0
function save(file) {
  writeFileSync(`${file}~`, `// version ${saves++}\n`)
  const began = performance.now()
  renameSync(`${file}~`, file)
  return began
}

function newFile() {
  const file = path.join(newFolder(), 'server.js')
  writeFileSync(file, '// the first version\n')
  return file
}

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

/** A fresh child each time, since saves that follow each other closely are held back on purpose. */
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

export async function measure({ rounds }) {
  const spinner = createSpinner({ logger: null, stdout: null, stderr: null })
  const methods = [
    { name: 'fs.watch of the folder alone', sample: bare },
    { name: 'spinner, debounce 0', sample: watched(spinner, 0) },
    { name: 'spinner, debounce as by default (0.1 s)', sample: watched(spinner), incomparable: true },
  ]
  const results = await interleave('save', methods, rounds)
  await spinner.close()
  const rows = rowsOf('save to restart', 'latency', methods, results)
  const note =
    'The debounce waits until a burst of saves is over, and by design it is the larger part of the last line.'
  return [{ title: 'Save to restart', note, columns: COLUMNS, rows }]
}
