// Host that allocates a given amount of memory and starts one child: node freeze.mjs COMMAND.
import path from 'node:path'
import { createSpinner } from '../../dist/index.js'
import { answer } from '../measuring/answer.mjs'
import { bareSpawn, whenTold } from '../measuring/bare.mjs'
import { newHost } from '../measuring/host.mjs'
import { end, newFolder } from '../measuring/living.mjs'
import { memoryOf } from '../measuring/usage.mjs'
import { watchTurns } from '../measuring/watches.mjs'

const BLOCK = 8 * 2 ** 20
const [command] = process.argv.slice(2)
const program = { command, args: [] }
const folder = newFolder()
const spinner = createSpinner({ logger: null, stdout: null, stderr: null })
// Start the helper before this process grows, so that the helper stays small.
const helper = await newHost('hosts/helper.mjs')
let count = 0
const newAddress = () => path.join(folder, `${count++}.sock`)

const blocks = []

/** Allocates memory until this process uses `megabytes`. Returns the megabytes in use. */
function grow(megabytes) {
  while (memoryOf(process.pid) < megabytes * 1_024) blocks.push(Buffer.alloc(BLOCK, 1))
  return memoryOf(process.pid) / 1_024
}

/** Measures the longest stall of the event loop, and the time until the child is ready. */
async function measured(start, stop) {
  const stillness = watchTurns()
  const began = performance.now()
  const child = await start()
  const ready = performance.now() - began
  const stall = await stillness()
  await stop(child)
  return { stall, ready }
}

async function bareStart() {
  const child = bareSpawn(program, newAddress(), true)
  await whenTold(child)
  return child
}

const duties = {
  grow,
  bare: () => measured(bareStart, (child) => end(child)),
  spinner: () =>
    measured(
      () => spinner.start({ name: 'child', command }),
      () => spinner.stop('child'),
    ),
  helper: () =>
    measured(
      () => helper.ask('start', program, newAddress()),
      () => helper.ask('stop'),
    ),
}

async function close() {
  helper.end()
  await spinner.close()
}

answer(duties, { close })
