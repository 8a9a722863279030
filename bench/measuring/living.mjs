// Folders and processes of this process. The folder for temporary files is the run's own, and goes with it.
import { mkdtempSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'

/** For sockets, programs and files. */
export const newFolder = () => mkdtempSync(path.join(os.tmpdir(), 'b-'))

const processes = new Map()

process.on('exit', () => {
  for (const [child, signal] of processes) child.kill(signal)
})

/** A child process that goes at the latest when this process ends. */
export function kept(child, signal = 'SIGKILL') {
  processes.set(child, signal)
  child.once('exit', () => processes.delete(child))
  return child
}

/** Ends it and resolves when it is gone. */
export async function end(child, signal = 'SIGTERM') {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise((resolve) => child.once('exit', resolve))
  child.kill(signal)
  await gone
}
