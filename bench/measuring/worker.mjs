// Has a subject measured in a process, an environment and a folder of its own, and leaves nothing of it behind.
import { fork } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { marked, sweep } from './sweep.mjs'

/** Where a subject takes longer, something hangs. */
const LONGEST_MS = 600_000
const PROGRAM = path.join(import.meta.dirname, 'subject.mjs')

/** What a child may inherit. Anything else, `NODE_EXTRA_CA_CERTS` above all, may triple the start of Node. */
const KEPT = ['PATH', 'LANG', 'SystemRoot']

function environmentIn(folder) {
  const kept = KEPT.flatMap((key) => (process.env[key] ? [[key, process.env[key]]] : []))
  return { ...Object.fromEntries(kept), ...marked(), HOME: folder, TMPDIR: folder }
}

/** Resolves with what the subject said, or rejects with why it said nothing. `signal` cuts it short. */
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
