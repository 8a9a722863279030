// One other watcher: node save.mjs KIND SETTLE reports the time from a save to the decision to restart.
import { createRequire } from 'node:module'
import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { answer } from '../measuring/answer.mjs'
import { newFile, save } from '../measuring/saves.mjs'
import { open } from '../peers/old-spinner.mjs'

const require = createRequire(import.meta.url)
const [kind, settle] = [process.argv[2], Number(process.argv[3])]
const file = newFile()

/** Factories by kind. Each starts the file, and returns a promise of the decision and a function that ends the watcher. */
const KINDS = {
  async nodemon() {
    const nodemon = require('nodemon')
    const began = new Promise((resolve) => nodemon.once('start', resolve))
    nodemon({ script: file, watch: [path.dirname(file)], stdin: false })
    await began
    const decided = new Promise((resolve) => nodemon.once('restart', () => resolve(performance.now())))
    return { decided, end: () => nodemon.emit('quit') }
  },

  /** Needs no listening child, because spinner 0.3.4 watches from the start. */
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
