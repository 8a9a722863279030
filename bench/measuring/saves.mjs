// Saves files as editors do: renames a new file over the old one.
import { renameSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { newFolder } from './living.mjs'

const PROGRAM = 'setInterval(() => {}, 1e6)'

let saves = 0

/** Creates a program that does nothing, in its own directory. */
export function newFile() {
  const file = path.join(newFolder(), 'server.js')
  writeFileSync(file, PROGRAM)
  return file
}

/** Saves the file and returns the time of the save. */
export function save(file) {
  writeFileSync(`${file}~`, `${PROGRAM} // version ${saves++}\n`)
  const began = performance.now()
  renameSync(`${file}~`, file)
  return began
}
