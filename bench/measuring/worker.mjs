// Measures a subject in a separate process with its own environment and directory, and cleans up afterwards.
import { fork } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { marked, sweep } from './sweep.mjs'

/** Maximum time of a subject. A subject that takes longer hangs. */
const LONGEST_MS = 600_000
const PROGRAM = path.join(import.meta.dirname, 'subject.mjs')

/** Variables that a child inherits. Others, above all `NODE_EXTRA_CA_CERTS`, may triple the startup time of Node. */
const KEPT = ['PATH', 'LANG', 'SystemRoot']

function environmentIn(folder) {
  const kept = KEPT.flatMap((key) => (process.env[key] ? [[key, process.env[key]]] : []))
  return { ...Object.fromEntries(kept), ...marked(), HOME: folder, TMPDIR: folder }
}

/** Resolves with the result of the subject, or rejects if there is none. `signal` interrupts the subject. */
export async function measureApart(subject, options, execArgv, signal) {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'spinner-bench-'))
  const env = environmentIn(folder)
  const worker = fork(PROGRAM, [subject, JSON.stringify(options)], { env, execArgv })
  const end = () => worker.kill()
  signal.addEventListener('abort', end)
  const timer = setTimeout(end, LONGEST_MS)
  let said = null
  worker.on('message', (result) => {
    said = result
  })
  const code = await new Promise((resolve) => worker.once('close', resolve))
  clearTimeout(timer)
  signal.removeEventListener('abort', end)
  sweep()
  rmSync(folder, { recursive: true, force: true })
  if (said === null) throw new Error(`its process ended with ${code}`)
  return said
}
