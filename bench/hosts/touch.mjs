// Measures a call on a started child with spinner 0.3.4, in a separate process.
import path from 'node:path'
import { answer } from '../measuring/answer.mjs'
import { newFolder } from '../measuring/living.mjs'
import { NODE } from '../measuring/programs.mjs'
import { open } from '../peers/old-spinner.mjs'

const CALLS = 500

const peer = await open()
const address = path.join(newFolder(), 'child.sock')
await peer.start('child', NODE, address)

async function startAgain() {
  const began = performance.now()
  for (let turn = 0; turn < CALLS; turn++) await peer.start('child', NODE, address)
  return { ns: ((performance.now() - began) * 1e6) / CALLS }
}

answer({ startAgain }, { close: () => peer.stop('child') })
