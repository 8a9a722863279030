// Saves as editors make them: a new file is renamed over the old one.
import { renameSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { newFolder } from './living.mjs'

const PROGRAM = 'setInterval(() => {}, 1e6)'

let saves = 0

/** A program that does nothing, in a folder of its own. */
export function newFile() {
  const file = path.join(newFolder(), 'server.js')
  writeFileSync(file, PROGRAM)
  return file
}

/** Gives the moment of the save. */
export function save(file) {
  writeFileSync(`${file}~`, `${PROGRAM} // version ${saves++}\n`)
  const began = performance.now()
  renameSync(`${file}~`, file)
  return began
}
