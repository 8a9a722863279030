// A host that takes as much memory as it is told, and starts one child: node freeze.mjs COMMAND.
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
// It is small for as long as it lives, since it begins before this process grows.
const helper = await newHost('hosts/helper.mjs')
let count = 0
const newAddress = () => path.join(folder, `${count++}.sock`)

const blocks = []

/** Takes memory until it has so much in use; gives how much that is. */
function grow(megabytes) {
  while (memoryOf(process.pid) < megabytes * 1_024) blocks.push(Buffer.alloc(BLOCK, 1))
  return memoryOf(process.pid) / 1_024
}

/** How long the loop stands still at most, and how long it takes until the child is ready. */
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
