// One watcher of somebody else: node save.mjs KIND SETTLE says how long after a save it decides to restart.
import { createRequire } from 'node:module'
import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { answer } from '../measuring/answer.mjs'
import { newFile, save } from '../measuring/saves.mjs'
import { open } from '../peers/old-spinner.mjs'

const require = createRequire(import.meta.url)
const [kind, settle] = [process.argv[2], Number(process.argv[3])]
const file = newFile()

/** Each starts the file and gives a promise of the decision, and what ends it. */
const KINDS = {
  async nodemon() {
    const nodemon = require('nodemon')
    const began = new Promise((resolve) => nodemon.once('start', resolve))
    nodemon({ script: file, watch: [path.dirname(file)], stdin: false })
    await began
    const decided = new Promise((resolve) => nodemon.once('restart', () => resolve(performance.now())))
    return { decided, end: () => nodemon.emit('quit') }
  },

  /** Its children need not listen for that: it watches from the first moment. */
  async 'old-spinner'() {
    const peer = await open()
    const program = { command: process.execPath, args: [file] }
    const decided = peer.whenChanged('child', program, path.join(path.dirname(file), 'child.sock'), file)
    return { decided, end: () => peer.stop('child') }
  },
}

const { decided, end } = await KINDS[kind]()
await pause(settle)
const began = save(file)
const latency = (await decided) - began
answer({}, { began: { latency }, close: end })
