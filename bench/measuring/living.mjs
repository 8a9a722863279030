// Directories and child processes of this process. The temporary directory belongs to the run and is removed with it.
import { mkdtempSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'

/** Creates a directory for sockets, programs and files. */
export const newFolder = () => mkdtempSync(path.join(os.tmpdir(), 'b-'))

const processes = new Map()

process.on('exit', () => {
  for (const [child, signal] of processes) child.kill(signal)
})

/** Registers a child process, so that it is killed at the latest when this process exits. */
export function kept(child, signal = 'SIGKILL') {
  processes.set(child, signal)
  child.once('exit', () => processes.delete(child))
  return child
}

/** Ends a child process and resolves when it has exited. */
export async function end(child, signal = 'SIGTERM') {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise((resolve) => child.once('exit', resolve))
  child.kill(signal)
  await gone
}
